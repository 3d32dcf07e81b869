import Formats
import Schema
import Testing

@testable import Ingress

@Suite struct UpstreamHealthTests {
    private let now = ContinuousClock.now
    private let model = "m"

    private func failure(_ status: Int, retryAfter: String? = nil) throws -> UpstreamHealth.End {
        let fields = retryAfter.map { [(name: "retry-after", value: $0)] } ?? []
        return .failed(try #require(AttemptFailure(status: status, fields: fields)))
    }

    private func health(keys: Int = 0, keyConcurrencyMax: Int? = nil) -> UpstreamHealth {
        UpstreamHealth(
            CircuitSettings(),
            keyCount: keys,
            keyConcurrencyMax: keyConcurrencyMax
        )
    }

    private func enter(
        _ health: inout UpstreamHealth,
        after delay: Duration = .zero
    ) throws -> UpstreamHealth.Permit {
        try health.enter(for: model, at: now + delay).get()
    }

    private func fail(
        _ health: inout UpstreamHealth,
        _ status: Int,
        after delay: Duration = .zero
    ) throws {
        for _ in 0..<5 {
            let permit = try enter(&health, after: delay)
            health.leave(permit, try failure(status), for: model, at: now + delay)
        }
    }

    @Test func `a refused key is set aside and the circuit stays closed`() throws {
        var health = health(keys: 2)
        for status in [401, 402] {
            let permit = try enter(&health)
            health.leave(permit, try failure(status), for: model, at: now)
        }
        #expect(health.enter(for: model, at: now) == .failure(.noKey))
        #expect(health.breaker.state == .closed)
    }

    @Test func `an upstream that wants no key and refuses one is not set aside`() throws {
        var health = health()
        let permit = try enter(&health)
        health.leave(permit, try failure(401), for: model, at: now)
        #expect(health.isQuiet && !health.hasUsableKey(for: model, at: now))
    }

    @Test func `server errors open the circuit, rate limits do not`() throws {
        var health = health()
        for second in 0..<20 {
            let delay = Duration.seconds(second)
            let permit = try enter(&health, after: delay)
            health.leave(permit, try failure(429), for: model, at: now + delay)
        }
        #expect(health.breaker.isQuiet)
        try fail(&health, 503, after: .seconds(60))
        #expect(health.enter(for: model, at: now + .seconds(60)) == .failure(.circuitOpen))
    }

    @Test(arguments: [0, 1])
    func `a retry-after binds all calls of the model, not that of which it was asked`(
        keys: Int
    ) throws {
        var health = health(keys: keys)
        let permit = try enter(&health)
        health.leave(permit, try failure(429, retryAfter: "60"), for: model, at: now)
        #expect(
            health.enter(for: model, at: now + .seconds(20))
                == .failure(.limited(for: .seconds(40)))
        )
        #expect((try? health.enter(for: "other", at: now).get()) != nil)
        #expect((try? health.enter(for: model, at: now + .seconds(60)).get()) != nil)
    }

    @Test func `a probe that finds no key does not block the circuit`() throws {
        var health = health(keys: 1, keyConcurrencyMax: 1)
        try fail(&health, 500)
        let later = now + .seconds(5)
        let probe = try health.enter(for: model, at: later).get()
        #expect(probe.isProbe && probe.key.index == 0)
        health.leave(probe, .unknown, for: model, at: later)
        #expect(try health.enter(for: model, at: later).get().isProbe)
        #expect(health.enter(for: model, at: later) == .failure(.circuitOpen))
    }

    @Test func `the head of the probe's answer lets the others in, and closes nothing`() throws {
        var health = health()
        try fail(&health, 500)
        let later = now + .seconds(5)
        let probe = try health.enter(for: model, at: later).get()
        health.note(headOf: probe)
        #expect(try !health.enter(for: model, at: later).get().isProbe)
        #expect(health.breaker.state == .recovering)
        // What came behind the head was no answer.
        health.leave(probe, .failed(AttemptFailure(broken: 200)), for: model, at: later)
        #expect(health.breaker.state == .open(until: later + .seconds(10)))
    }

    @Test func `the first content of the probe's answer closes the circuit`() throws {
        var health = health()
        try fail(&health, 500)
        let probe = try enter(&health, after: .seconds(5))
        health.note(headOf: probe)
        health.note(contentOf: probe)
        #expect(health.breaker.isQuiet)
    }

    @Test func `failures behind good heads open the circuit`() throws {
        var health = health()
        for _ in 0..<5 {
            let permit = try enter(&health)
            health.note(headOf: permit)
            health.leave(permit, .failed(AttemptFailure(broken: 200)), for: model, at: now)
        }
        #expect(health.enter(for: model, at: now) == .failure(.circuitOpen))
    }
}

@Suite struct UpstreamBoardTests {
    private let now = ContinuousClock.now
    private let model = "m"

    private func upstream(
        _ name: String = "a",
        concurrencyMax: Int? = nil,
        keys: [String] = [],
        baseURL: String = "http://x"
    ) -> Upstream {
        var upstream = Upstream(
            name: name,
            format: .openAI,
            baseURL: baseURL,
            apiKeys: keys.map(Secret.init)
        )
        upstream.concurrencyMax = concurrencyMax
        return upstream
    }

    private func fail(_ state: UpstreamState, _ status: Int) throws {
        let permit = try state.enter(for: model, at: now).get()
        let failure = try #require(AttemptFailure(status: status, fields: []))
        state.leave(permit, .failed(failure), for: model, at: now)
    }

    @Test func `an upstream takes as many calls as it may, and no more`() throws {
        let state = UpstreamState(upstream(concurrencyMax: 2))
        let permit = try state.enter(for: model, at: now).get()
        _ = try state.enter(for: model, at: now).get()
        #expect(state.enter(for: model, at: now) == .failure(.busy))
        state.leave(permit, .answered, for: model, at: now)
        #expect(try state.enter(for: model, at: now).get() == permit && state.inFlight == 2)
    }

    @Test func `parallel calls whose key is refused for a moment leave it aside once`() throws {
        let state = UpstreamState(upstream(keys: ["one"]))
        let permits = try (0..<50).map { _ in try state.enter(for: model, at: now).get() }
        for permit in permits {
            let failure = try #require(AttemptFailure(status: 401, fields: []))
            state.leave(permit, .failed(failure), for: model, at: now)
        }
        #expect(state.enter(for: model, at: now + .seconds(59)) == .failure(.noKey))
        let trial = try state.enter(for: model, at: now + .seconds(60)).get()
        state.note(headOf: trial)
        state.leave(trial, .answered, for: model, at: now + .seconds(60))
        // A refusal from before the time aside says nothing now, also where no lock is taken.
        let quiet = try state.enter(for: model, at: now + .seconds(61)).get()
        #expect(quiet.key.sideliningCount == 1 && !quiet.isCounted)
    }

    @Test func `a reload keeps what was learnt of an upstream that is as before`() {
        let board = UpstreamBoard()
        let first = board.adopt(["a": upstream("a"), "b": upstream("b")])
        let second = board.adopt(["a": upstream("a"), "b": upstream("b", concurrencyMax: 1)])
        #expect(first["a"] === second["a"])
        #expect(first["b"] !== second["b"] && first["b"] != nil)
        #expect(board.statuses(at: now).map(\.concurrencyMax) == [nil, 1])
    }

    @Test func `a reload that touches an upstream does not forget the calls that run there`() throws
    {
        let board = UpstreamBoard()
        let before = try #require(board.adopt(["a": upstream()])["a"])
        let permit = try before.enter(for: model, at: now).get()
        let after = try #require(board.adopt(["a": upstream(concurrencyMax: 1)])["a"])
        #expect(after.inFlight == 1)
        #expect(after.enter(for: model, at: now) == .failure(.busy))
        before.leave(permit, .answered, for: model, at: now)
        #expect((try? after.enter(for: model, at: now).get()) != nil)
        #expect(board.statuses(at: now).map(\.answered) == [1])
    }

    @Test func `refused keys and running calls are carried over by secret`() throws {
        let board = UpstreamBoard()
        var first = upstream(keys: ["bad", "good"])
        first.keyConcurrencyMax = 1
        let before = try #require(board.adopt(["a": first], at: now)["a"])
        try fail(before, 401)
        _ = try before.enter(for: model, at: now).get()
        var second = upstream(keys: ["good", "bad", "new"])
        second.keyConcurrencyMax = 1
        let after = try #require(board.adopt(["a": second], at: now)["a"])
        let states = after.status(at: now).keys
        #expect(states.map(\.state) == ["usable", "sidelined", "usable"])
        #expect(states.map(\.inFlight) == [1, 0, 0])
        let permit = try after.enter(for: model, at: now).get()
        #expect(after.key(permit)?.exposed == "new")
        #expect(after.enter(for: model, at: now) == .failure(.busy))
    }

    @Test func `an open circuit stays open through a reload, and not at another address`() throws {
        let board = UpstreamBoard()
        let before = try #require(board.adopt(["a": upstream()], at: now)["a"])
        for _ in 0..<5 { try fail(before, 500) }
        let after = try #require(board.adopt(["a": upstream(concurrencyMax: 9)], at: now)["a"])
        #expect(after.enter(for: model, at: now) == .failure(.circuitOpen))
        let moved = try #require(board.adopt(["a": upstream(baseURL: "http://y")], at: now)["a"])
        #expect((try? moved.enter(for: model, at: now).get()) != nil)
        #expect(board.statuses(at: now).first?.failures[.failed] == 5)
    }

    @Test func `a probe of the configuration before does not keep the circuit half open`() throws {
        let board = UpstreamBoard()
        let before = try #require(board.adopt(["a": upstream()], at: now)["a"])
        for _ in 0..<5 { try fail(before, 500) }
        let later = now + .seconds(5)
        #expect(try before.enter(for: model, at: later).get().isProbe)
        let after = try #require(board.adopt(["a": upstream(concurrencyMax: 9)], at: later)["a"])
        #expect(try after.enter(for: model, at: later).get().isProbe)
    }
}
