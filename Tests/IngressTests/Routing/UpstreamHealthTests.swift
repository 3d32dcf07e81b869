import Formats
import Schema
import Testing

@testable import Ingress

@Suite struct UpstreamHealthTests {
    private let now = ContinuousClock.now

    private func failure(_ status: Int) throws -> UpstreamHealth.End {
        let failure = try #require(AttemptFailure(status: status, fields: []))
        return .failed(failure)
    }

    private func enter(_ health: inout UpstreamHealth) throws -> UpstreamHealth.Permit {
        try health.enter(at: now).get()
    }

    private func fail(_ health: inout UpstreamHealth, _ status: Int) throws {
        for _ in 0..<5 {
            let permit = try enter(&health)
            health.leave(permit, try failure(status), at: now)
        }
    }

    @Test func `a refused key is set aside and the circuit stays closed`() throws {
        var health = UpstreamHealth(CircuitSettings(), keyCount: 2, keyConcurrencyMax: nil)
        for status in [401, 402] {
            let permit = try enter(&health)
            health.leave(permit, try failure(status), at: now)
        }
        #expect(health.enter(at: now) == .failure(.noKey))
        #expect(health.breaker.state == .closed)
        #expect(health.failures[.keyRefused] == 2)
    }

    @Test func `server errors open the circuit, rate limits do not`() throws {
        var health = UpstreamHealth(CircuitSettings(), keyCount: 0, keyConcurrencyMax: nil)
        for _ in 0..<20 {
            let permit = try enter(&health)
            health.leave(permit, try failure(429), at: now)
        }
        #expect(health.isQuiet)
        try fail(&health, 503)
        #expect(health.enter(at: now) == .failure(.circuitOpen))
    }

    @Test func `a probe that finds no key does not block the circuit`() throws {
        var health = UpstreamHealth(CircuitSettings(), keyCount: 1, keyConcurrencyMax: 1)
        try fail(&health, 500)
        let later = now + .seconds(5)
        let probe = try health.enter(at: later).get()
        #expect(probe.isProbe && probe.key == 0)
        health.leave(probe, .unknown, at: later)
        #expect(try health.enter(at: later).get().isProbe)
        #expect(health.enter(at: later) == .failure(.circuitOpen))
    }

    @Test func `an answer to the probe lets the others in before it has ended`() throws {
        var health = UpstreamHealth(CircuitSettings(), keyCount: 0, keyConcurrencyMax: nil)
        try fail(&health, 500)
        let probe = try health.enter(at: now + .seconds(5)).get()
        health.note(answerTo: probe)
        #expect(health.isQuiet)
        #expect(try enter(&health) == health.quietPermit)
    }
}

@Suite struct UpstreamBoardTests {
    private let now = ContinuousClock.now

    private func upstream(_ name: String, concurrencyMax: Int? = nil) -> Upstream {
        var upstream = Upstream(name: name, format: .openAI, baseURL: "http://x")
        upstream.concurrencyMax = concurrencyMax
        return upstream
    }

    @Test func `an upstream takes as many calls as it may, and no more`() throws {
        let state = UpstreamState(upstream("a", concurrencyMax: 2))
        let permit = try state.enter(at: now).get()
        _ = try state.enter(at: now).get()
        #expect(state.enter(at: now) == .failure(.busy))
        state.leave(permit, .answered, at: now)
        #expect(try state.enter(at: now).get() == permit && state.inFlight == 2)
    }

    @Test func `a reload keeps what was learnt of an upstream that is as before`() {
        let board = UpstreamBoard()
        let first = board.adopt(["a": upstream("a"), "b": upstream("b")])
        let second = board.adopt(["a": upstream("a"), "b": upstream("b", concurrencyMax: 1)])
        #expect(first["a"] === second["a"])
        #expect(first["b"] !== second["b"] && first["b"] != nil)
        #expect(board.statuses(at: now).map(\.concurrencyMax) == [nil, 1])
    }
}
