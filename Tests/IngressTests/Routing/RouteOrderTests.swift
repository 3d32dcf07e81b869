import Schema
import Testing

@testable import Ingress

@Suite struct RouteOrderTests {
    typealias Candidate = RouteOrder.Candidate

    /// Deterministic, and good enough to draw fairly.
    struct Seeded: RandomNumberGenerator {
        var state: UInt64
        mutating func next() -> UInt64 {
            state &+= 0x9e37_79b9_7f4a_7c15
            var z = state
            z = (z ^ (z >> 30)) &* 0xbf58_476d_1ce4_e5b9
            z = (z ^ (z >> 27)) &* 0x94d0_49bb_1331_11eb
            return z ^ (z >> 31)
        }
    }

    private func order(_ candidates: [Candidate], by strategy: RouteStrategy, seed: UInt64 = 1)
        -> [Int]
    {
        var random = Seeded(state: seed)
        return RouteOrder.order(candidates, by: strategy, random: &random)
    }

    @Test func `weights share the calls in proportion, and every route is there to fail over to`() {
        var random = Seeded(state: 7)
        let candidates = [Candidate(weight: 9), Candidate(weight: 1), Candidate(weight: 0)]
        var firsts = [0, 0, 0]
        for _ in 0..<10_000 {
            let order = RouteOrder.order(candidates, by: .weighted, random: &random)
            #expect(order.sorted() == [0, 1, 2])
            #expect(order.last == 2)
            firsts[order[0]] += 1
        }
        #expect((8_800...9_200).contains(firsts[0]) && firsts[2] == 0)
    }

    @Test(arguments: RouteStrategy.allCases)
    func `a lower priority number goes first whatever the strategy`(strategy: RouteStrategy) {
        let candidates = [
            Candidate(priority: 2, weight: 100, cost: Pico(1), inFlight: 0),
            Candidate(priority: 1, weight: 1, cost: Pico(9), inFlight: 50),
        ]
        for seed in 0..<50 {
            #expect(order(candidates, by: strategy, seed: UInt64(seed)) == [1, 0])
        }
    }

    @Test func `the cheapest goes first, and an unknown cost last`() {
        let candidates = [
            Candidate(cost: nil), Candidate(cost: Pico(5)), Candidate(cost: Pico(2)),
        ]
        #expect(order(candidates, by: .cheapest) == [2, 1, 0])
    }

    @Test func `what costs the same is shared by weight`() {
        let candidates = [
            Candidate(weight: 1, cost: Pico(5)), Candidate(weight: 3, cost: Pico(5)),
        ]
        var random = Seeded(state: 3)
        let firsts = (0..<4_000).map { _ in
            RouteOrder.order(candidates, by: .cheapest, random: &random)[0]
        }
        #expect((2_800...3_200).contains(firsts.count { $0 == 1 }))
    }

    @Test func `the least busy for its weight goes first`() {
        let candidates = [
            Candidate(weight: 1, inFlight: 3), Candidate(weight: 10, inFlight: 20),
            Candidate(weight: 1, inFlight: 4),
        ]
        #expect(order(candidates, by: .leastBusy) == [1, 0, 2])
    }
}
