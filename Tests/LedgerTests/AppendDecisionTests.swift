import LedgerModel
import Schema
import Testing

@testable import Ledger

/// The decision alone, without a database.
@Suite struct AppendDecisionTests {
    let account = AccountID(high: 1, low: 1)
    let lease = LeaseID(high: 2, low: 2)
    let now = Instant(microseconds: 1_800_000_000_000_000)

    private func append(
        balance: Int128,
        limit: Int128 = 0,
        lease figures: (granted: Int128, settled: Int128)? = nil,
        isOpen: Bool = true
    ) -> AppendDecision {
        let remaining = figures.map { isOpen ? $0.granted - $0.settled : 0 } ?? 0
        let head = HeadSummary(
            version: 7,
            balance: Pico(balance),
            creditLimit: Pico(limit),
            escrowed: Pico(remaining),
            reserved: .zero,
            overdrawn: .zero,
            isSuspended: false
        )
        var leases: [LeaseKey: LeaseFigures] = [:]
        if let figures {
            leases[LeaseKey(account: account, lease: lease)] = LeaseFigures(
                granted: Pico(figures.granted),
                settled: Pico(figures.settled),
                isOpen: isOpen
            )
        }
        return AppendDecision(heads: [account: head], leases: leases, present: [:], now: now)
    }

    private func add(_ event: Event, to append: inout AppendDecision) -> AppendOutcome {
        append.add(HashedEvent(event))
    }

    private func usage(_ charge: Int128, hold: Int128? = nil, excess: Int128 = 0) -> Event {
        .usage(
            charge: Pico(charge),
            hold: Pico(hold ?? charge),
            lease: lease,
            of: account,
            at: now
        ) {
            $0.excess = Pico(excess)
        }
    }

    @Test func `a charge settles in its lease and leaves the rest of it escrowed`() throws {
        var append = append(balance: 100, lease: (granted: 40, settled: 10))
        #expect(
            add(usage(20), to: &append)
                == .appended(version: 8, amount: Pico(-20), excess: .zero)
        )
        let head = try #require(append.heads[account])
        #expect(head.balance == Pico(80))
        #expect(head.escrowed == Pico(10))
        #expect(append.placed[0].effect.fromLease == Pico(20))
    }

    @Test func `what its lease does not cover comes from the free balance, then is excess`() throws
    {
        var append = append(balance: 100, lease: (granted: 90, settled: 0))
        #expect(
            add(usage(120), to: &append)
                == .appended(version: 8, amount: Pico(-100), excess: Pico(20))
        )
        let head = try #require(append.heads[account])
        #expect(head.balance == .zero)
        #expect(head.escrowed == .zero)
        #expect(head.overdrawn == .zero)
    }

    @Test func `a closed lease covers nothing`() throws {
        var append = append(balance: 5, lease: (granted: 40, settled: 40), isOpen: false)
        #expect(
            add(usage(20), to: &append)
                == .appended(version: 8, amount: Pico(-5), excess: Pico(15))
        )
        #expect(append.placed[0].effect.fromLease == .zero)
    }

    @Test func `a charge beyond its hold is the operator's loss`() {
        var append = append(balance: 100, lease: (granted: 50, settled: 0))
        #expect(
            add(usage(30, hold: 10, excess: 4), to: &append)
                == .appended(version: 8, amount: Pico(-10), excess: Pico(24))
        )
    }

    @Test func `the credit limit is spent like balance, and no further`() throws {
        var append = append(balance: 5, limit: 10)
        #expect(
            add(usage(20), to: &append)
                == .appended(version: 8, amount: Pico(-15), excess: Pico(5))
        )
        let head = try #require(append.heads[account])
        #expect(head.balance == Pico(-10))
    }

    @Test func `a forced debit makes the account overdrawn, and later money clears that`() throws {
        var append = append(balance: 10, lease: (granted: 10, settled: 0))
        let debit = CreditAdjusted(amount: Pico(-8), reason: "chargeback")
        _ = add(
            Event(
                account: account,
                id: .make(at: now),
                occurredAt: now,
                body: .creditAdjusted(debit)
            ),
            to: &append
        )
        var head = try #require(append.heads[account])
        #expect(head.overdrawn == Pico(8))
        #expect(head.available == .zero)

        _ = add(.grant(Pico(5), to: account), to: &append)
        head = try #require(append.heads[account])
        #expect(head.overdrawn == Pico(3))

        _ = add(.grant(Pico(5), to: account), to: &append)
        head = try #require(append.heads[account])
        #expect(head.overdrawn == .zero)
        #expect(head.available == Pico(2))
    }

    @Test func `the same event twice in a batch is one event`() {
        var append = append(balance: 100, lease: (granted: 50, settled: 0))
        let event = usage(10)
        _ = add(event, to: &append)
        #expect(add(event, to: &append) == .duplicate)
        #expect(append.placed.count == 1)
    }

    @Test func `a parked call's money stays reserved, and its account goes on`() throws {
        var append = append(balance: 100, lease: (granted: 50, settled: 0))
        let future = Event.usage(
            charge: Pico(10),
            lease: lease,
            of: account,
            at: now.adding(seconds: 86_401)
        )
        #expect(add(future, to: &append) == .parked(.aheadOfClock))
        #expect(
            add(usage(40), to: &append)
                == .appended(version: 8, amount: Pico(-40), excess: .zero)
        )
        let head = try #require(append.heads[account])
        #expect(head.reserved == Pico(10))
        #expect(head.escrowed == .zero)
        #expect(head.balance == Pico(60))
        #expect(append.parked[0].reserved == Pico(10))
    }

    @Test(arguments: [-1, Int128(Int64.max) + 1, .max, .min])
    func `an impossible charge is parked and moves nothing`(charge: Int128) throws {
        var append = append(balance: 100)
        #expect(add(usage(charge, hold: 5), to: &append) == .parked(.malformed))
        #expect(append.heads[account]?.balance == Pico(100))
        #expect(append.placed.isEmpty)
    }

    @Test func `random batches keep every figure of the head consistent`() throws {
        var generator = SeededGenerator(seed: 42)
        for _ in 0..<200 {
            var append = append(
                balance: .random(in: 50...200, using: &generator),
                limit: .random(in: 0...50, using: &generator),
                lease: (granted: .random(in: 20...50, using: &generator), settled: 20)
            )
            var balance = try #require(append.heads[account]).balance
            for _ in 0..<20 {
                let amount = Int128.random(in: 1...30, using: &generator)
                let event: Event =
                    switch Int.random(in: 0..<4, using: &generator) {
                    case 0: .grant(Pico(amount), to: account)
                    case 1:
                        Event(
                            account: account,
                            id: .make(at: now),
                            occurredAt: now,
                            body: .creditAdjusted(
                                CreditAdjusted(amount: Pico(-amount), reason: "forced")
                            )
                        )
                    default: usage(amount, hold: .random(in: 1...30, using: &generator))
                    }
                if case .appended(_, let amount, _) = add(event, to: &append) {
                    balance += amount
                }
                let head = try #require(append.heads[account])
                #expect(head.balance == balance)
                #expect(head.balance + head.creditLimit + head.overdrawn >= head.escrowed)
                let figures = try #require(
                    append.leases[LeaseKey(account: account, lease: lease)]
                )
                #expect(head.escrowed == figures.granted - figures.settled)
                // Overdrawn is never more than what is uncovered, or it would refuse in vain.
                let uncovered = head.escrowed - head.balance - head.creditLimit
                #expect(head.overdrawn <= uncovered.clampedToZero)
            }
        }
    }
}
