import LedgerModel
import Schema
import Testing

@testable import Ledger

/// The window against every single call, remembered.
@Suite struct RateWindowTests {
    private let origin = ContinuousClock.now

    private struct Call {
        let at: Duration
        let slot: Int64
        var tokens: Int64
    }

    /// Admits whenever the limit allows, corrects some, and looks at every rolling minute.
    private func run(seed: UInt64, pause: ClosedRange<Int64>) -> [String] {
        var random = SeededGenerator(seed: seed)
        var window = RateWindow(origin: origin)
        let (requestsMax, tokensMax) = (Int64.random(in: 1...40, using: &random), Int64(1_000))
        var calls: [Call] = []
        var failures: [String] = []
        var now = Duration.zero
        for _ in 0..<3_000 {
            now += .milliseconds(Int64.random(in: pause, using: &random))
            window.advance(to: origin + now)
            let recent = calls.filter { $0.at > now - RateWindow.length }
            let sum = recent.reduce(0) { $0 + $1.tokens }
            if window.sum.requests < recent.count || window.sum.tokens < sum {
                failures.append("at \(now): less counted than a minute has")
            }
            // Conservative, but by no more than the slot that has begun.
            let counted = calls.filter { $0.at > now - RateWindow.length - RateWindow.slotLength }
            if window.sum.requests > counted.count {
                failures.append("at \(now): more counted than 60.5 seconds have")
            }
            let need = RateAmounts(requests: 1, tokens: .random(in: 1...300, using: &random))
            if window.sum.requests + 1 <= requestsMax, window.sum.tokens + need.tokens <= tokensMax
            {
                let slot = window.add(need)
                calls.append(Call(at: now, slot: slot, tokens: need.tokens))
            }
            if !calls.isEmpty, Bool.random(using: &random) {
                let index = Int.random(in: 0..<calls.count, using: &random)
                let unused = Int64.random(in: 0...calls[index].tokens, using: &random)
                window.correct(RateAmounts(tokens: unused), in: calls[index].slot)
                calls[index].tokens -= unused
            }
        }
        return failures
    }

    @Test(arguments: 0..<10 as Range<UInt64>)
    func `no rolling minute holds more than was allowed`(seed: UInt64) {
        #expect(run(seed: seed, pause: 0...400) == [])
        #expect(run(seed: seed, pause: 0...20_000) == [])
    }

    @Test func `a limit is reached again within half a second after a minute`() {
        var window = RateWindow(origin: origin)
        var admitted = 0
        for milliseconds in stride(from: Int64(0), to: 600_000, by: 20) {
            window.advance(to: origin + .milliseconds(milliseconds))
            if window.sum.requests < 100 {
                _ = window.add(RateAmounts(requests: 1))
                admitted += 1
            }
        }
        #expect(admitted >= 990)
    }

    @Test func `waits say when enough is free`() {
        var window = RateWindow(origin: origin)
        for second in 0..<10 as Range<Int64> {
            window.advance(to: origin + .seconds(second))
            _ = window.add(RateAmounts(requests: 1, tokens: 10))
        }
        let now = origin + .seconds(9)
        #expect(window.wait(for: RateAmounts(requests: 1), from: now) == .milliseconds(51_500))
        #expect(window.wait(for: RateAmounts(tokens: 25), from: now) == .milliseconds(53_500))
        #expect(window.wait(for: RateAmounts(requests: 10), from: now) == .milliseconds(60_500))
        #expect(window.wait(for: RateAmounts(requests: 11), from: now) == nil)
        #expect(window.waitUntilEmpty(from: now).tokens == .milliseconds(60_500))
        window.advance(to: origin + .milliseconds(69_500))
        #expect(window.sum == .zero)
    }

    @Test func `time that steps back frees nothing`() {
        var window = RateWindow(origin: origin)
        window.advance(to: origin + .seconds(100))
        _ = window.add(RateAmounts(requests: 1))
        window.advance(to: origin + .seconds(10))
        #expect(window.sum.requests == 1)
        window.advance(to: origin + .seconds(10_000))
        #expect(window.sum == .zero)
    }
}
