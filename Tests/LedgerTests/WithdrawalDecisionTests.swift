import Schema
import Testing

@testable import Ledger

/// The decision alone: what leaves the balance, and what is kept for running calls.
@Suite struct WithdrawalDecisionTests {
    private func decide(
        _ candidates: [(rest: Int128, isDrained: Bool)],
        balance: Int128,
        limit: Int128 = 0,
        escrowed: Int128 = 0,
        parked: Int128 = 0
    ) -> [[Int128]] {
        let head = HeadSummary(
            version: 1,
            balance: Pico(balance),
            creditLimit: Pico(limit),
            escrowed: Pico(escrowed),
            reserved: .zero,
            overdrawn: .zero,
            isSuspended: false
        )
        let decision = WithdrawalDecision(
            candidates.enumerated().map { index, candidate in
                .init(
                    grant: GrantID(high: 0, low: UInt64(index)),
                    rest: Pico(candidate.rest),
                    isDrained: candidate.isDrained
                )
            },
            head: head,
            parked: Pico(parked)
        )
        return decision.steps.map { [$0.removed.units, $0.kept.units] }
    }

    @Test func `what no lease holds goes at once`() {
        #expect(decide([(50, false)], balance: 100) == [[50, 0]])
        #expect(decide([(50, false)], balance: 50, escrowed: 20) == [[30, 20]])
    }

    @Test func `what running calls may burn is kept, first of what burns first`() {
        let steps = decide([(10, false), (40, false), (50, false)], balance: 100, escrowed: 30)
        #expect(steps == [[0, 10], [20, 20], [50, 0]])
    }

    @Test func `other credit does not shorten what a call was admitted on`() {
        #expect(decide([(50, false)], balance: 1_000, escrowed: 60) == [[0, 50]])
        #expect(decide([(50, false)], balance: 50, limit: 1_000, escrowed: 60) == [[0, 50]])
    }

    @Test func `a parked call may still burn it`() {
        #expect(decide([(50, false)], balance: 50, parked: 20) == [[30, 20]])
    }

    @Test func `when every such call has ended, all goes that no lease holds`() {
        #expect(decide([(50, true)], balance: 150, escrowed: 60) == [[50, 0]])
        #expect(decide([(50, true)], balance: 100, escrowed: 60) == [[40, 10]])
        #expect(decide([(50, true)], balance: -5, limit: 5, escrowed: 0) == [[0, 50]])
    }
}
