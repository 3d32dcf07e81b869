import Testing

@testable import Ingress

@Suite struct KeyPoolTests {
    private let start = ContinuousClock.now

    @Test func `keys are used in turn`() {
        var pool = KeyPool(count: 3)
        let taken = (0..<6).map { _ in pool.take(at: start) }
        #expect(taken == [0, 1, 2, 0, 1, 2].map { .key($0) })
    }

    @Test func `a refused key is left aside, longer each time, until it is accepted`() {
        var pool = KeyPool(count: 2)
        pool.sideline(0, at: start)
        #expect((0..<3).map { _ in pool.take(at: start) } == [1, 1, 1].map { .key($0) })
        #expect(pool.state(0, at: start) == .sidelined)
        let later = start + KeyPool.sidelinedFor
        #expect(pool.take(at: later) == .key(0))
        pool.sideline(0, at: later)
        #expect(pool.state(0, at: later + .seconds(119)) == .sidelined)
        #expect(pool.state(0, at: later + .seconds(120)) == .usable)
        pool.accept(0)
        pool.sideline(0, at: later)
        #expect(pool.state(0, at: later + .seconds(60)) == .usable)
    }

    @Test func `when every key is refused, none is handed out`() {
        var pool = KeyPool(count: 2)
        pool.sideline(0, at: start)
        pool.sideline(1, at: start)
        #expect(pool.take(at: start) == .allSidelined)
        #expect(!pool.isQuiet)
    }

    @Test func `a limited key is passed over, but used when there is no other`() {
        var pool = KeyPool(count: 2)
        pool.limit(0, until: start + .seconds(10))
        #expect((0..<2).map { _ in pool.take(at: start) } == [1, 1].map { .key($0) })
        pool.sideline(1, at: start)
        #expect(pool.take(at: start) == .key(0))
        #expect(pool.take(at: start + .seconds(10)) == .key(0))
        #expect(pool.state(0, at: start + .seconds(10)) == .usable)
    }

    @Test func `a key has as many calls as it may, and no more`() {
        var pool = KeyPool(count: 2, concurrencyMax: 1)
        #expect(pool.take(at: start) == .key(0) && pool.take(at: start) == .key(1))
        #expect(pool.take(at: start) == .allBusy)
        pool.giveBack(1)
        #expect(pool.take(at: start) == .key(1))
    }

    @Test func `one key without a bound is quiet until something happens to it`() {
        var pool = KeyPool(count: 1)
        #expect(pool.isQuiet && KeyPool(count: 0).isQuiet)
        #expect(!KeyPool(count: 2).isQuiet && !KeyPool(count: 1, concurrencyMax: 9).isQuiet)
        pool.sideline(0, at: start)
        #expect(!pool.isQuiet)
        #expect(pool.take(at: start + KeyPool.sidelinedFor) == .key(0))
        #expect(pool.isQuiet)
    }
}
