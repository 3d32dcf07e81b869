import Testing

@testable import Ingress

@Suite struct KeyPoolTests {
    private let start = ContinuousClock.now
    private let model = "m"

    /// The key that is handed out; the test ends where there is none.
    private func take(_ pool: inout KeyPool, after delay: Duration = .zero) throws -> KeyPool.Use {
        let choice = pool.take(for: model, at: start + delay)
        guard case .use(let use) = choice else {
            throw Refused(choice: choice)
        }
        return use
    }

    private struct Refused: Error { let choice: KeyPool.Choice }

    private func choice(_ pool: inout KeyPool, after delay: Duration) -> KeyPool.Choice {
        pool.take(for: model, at: start + delay)
    }

    @Test func `keys are used in turn`() throws {
        var pool = KeyPool(count: 3)
        let taken = try (0..<6).map { _ in try take(&pool).index }
        #expect(taken == [0, 1, 2, 0, 1, 2])
    }

    @Test func `a refused key is left aside, longer each time, until it is accepted`() throws {
        var pool = KeyPool(count: 2)
        pool.sideline(try take(&pool), at: start)
        #expect(try (0..<3).map { _ in try take(&pool).index } == [1, 1, 1])
        #expect(pool.state(0, at: start) == .sidelined)
        let trial = try take(&pool, after: .seconds(60))
        #expect(trial.index == 0)
        pool.sideline(trial, at: start + .seconds(60))
        #expect(pool.state(0, at: start + .seconds(179)) == .sidelined)
        #expect(pool.state(0, at: start + .seconds(180)) == .usable)
        _ = try take(&pool, after: .seconds(180))
        let again = try take(&pool, after: .seconds(180))
        #expect(again.index == 0)
        pool.accept(again)
        pool.sideline(again, at: start + .seconds(180))
        #expect(pool.state(0, at: start + .seconds(240)) == .usable)
    }

    @Test func `of a hundred calls that were refused at once, one counts`() throws {
        var pool = KeyPool(count: 1)
        let uses = try (0..<100).map { _ in try take(&pool) }
        for use in uses {
            pool.sideline(use, at: start)
            pool.giveBack(use, at: start)
        }
        #expect(pool.inFlight(0) == 0)
        #expect(choice(&pool, after: .milliseconds(59_999)) == .allSidelined)
        #expect(try take(&pool, after: .seconds(60)).isTrial)
    }

    @Test func `a key comes back by one call, and what it shows decides`() throws {
        var pool = KeyPool(count: 1)
        pool.sideline(try take(&pool), at: start)
        let trial = try take(&pool, after: .seconds(60))
        #expect(trial.isTrial)
        #expect(choice(&pool, after: .seconds(61)) == .allSidelined)
        // It has shown nothing: the next call tries.
        pool.giveBack(trial, at: start + .seconds(62))
        let next = try take(&pool, after: .seconds(62))
        #expect(next.isTrial && choice(&pool, after: .seconds(63)) == .allSidelined)
        pool.accept(next)
        pool.giveBack(next, at: start + .seconds(64))
        #expect(try !take(&pool, after: .seconds(64)).isTrial)
        #expect(pool.state(0, at: start + .seconds(64)) == .usable)
    }

    @Test func `calls from before say nothing about a key that is back`() throws {
        var pool = KeyPool(count: 1)
        let (early, late) = (try take(&pool), try take(&pool))
        pool.sideline(early, at: start)
        pool.accept(late)
        #expect(pool.state(0, at: start) == .sidelined)
        pool.accept(try take(&pool, after: .seconds(60)))
        pool.sideline(late, at: start + .seconds(61))
        #expect(pool.state(0, at: start + .seconds(61)) == .usable)
    }

    @Test func `when every key is refused, none is handed out`() throws {
        var pool = KeyPool(count: 2)
        for _ in 0..<2 { pool.sideline(try take(&pool), at: start) }
        #expect(choice(&pool, after: .zero) == .allSidelined)
        #expect(!pool.isQuiet)
    }

    @Test func `a limited key is not used for its model before its time`() throws {
        var pool = KeyPool(count: 2)
        let (first, second) = (try take(&pool), try take(&pool))
        pool.limit(first, for: model, until: start + .seconds(10))
        #expect(try (0..<2).map { _ in try take(&pool).index } == [1, 1])
        pool.limit(second, for: model, until: start + .seconds(5))
        #expect(choice(&pool, after: .seconds(1)) == .allLimited(until: start + .seconds(5)))
        #expect(!pool.hasUsable(for: model, at: start + .seconds(1)))
        #expect(pool.hasUsable(for: "other", at: start + .seconds(1)))
        guard case .use = pool.take(for: "other", at: start) else {
            Issue.record("another model is not limited")
            return
        }
        #expect(try take(&pool, after: .seconds(5)).index == 1)
        #expect(pool.state(0, at: start + .seconds(9)) == .limited)
        #expect(pool.state(0, at: start + .seconds(10)) == .usable)
    }

    @Test func `so many models are limited at a time, and no more are remembered`() throws {
        var pool = KeyPool(count: 1)
        let use = try take(&pool)
        for number in 0...KeyPool.limitedModelsMax {
            pool.limit(use, for: "model-\(number)", until: start + .seconds(10))
        }
        #expect(!pool.hasUsable(for: "model-0", at: start))
        #expect(pool.hasUsable(for: "model-\(KeyPool.limitedModelsMax)", at: start))
    }

    @Test func `a key has as many calls as it may, and no more`() throws {
        var pool = KeyPool(count: 2, concurrencyMax: 1)
        _ = try take(&pool)
        let second = try take(&pool)
        #expect(choice(&pool, after: .zero) == .allBusy)
        pool.giveBack(second, at: start)
        #expect(try take(&pool).index == 1)
    }

    @Test func `one key without a bound is quiet until something happens to it`() throws {
        var pool = KeyPool(count: 1)
        #expect(pool.isQuiet && pool.quietUse == KeyPool.Use())
        #expect(!KeyPool(count: 2).isQuiet && !KeyPool(count: 1, concurrencyMax: 9).isQuiet)
        pool.sideline(try take(&pool), at: start)
        #expect(!pool.isQuiet)
        pool.accept(try take(&pool, after: .seconds(60)))
        // A permit of quiet times says of which it is.
        #expect(pool.isQuiet && pool.quietUse == KeyPool.Use(sideliningCount: 1))
        pool.limit(pool.quietUse, for: model, until: start + .seconds(70))
        #expect(!pool.isQuiet)
        _ = try take(&pool, after: .seconds(70))
        #expect(pool.isQuiet)
    }
}
