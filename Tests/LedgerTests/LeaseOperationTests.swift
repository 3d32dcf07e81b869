import Schema
import Testing

@testable import Ledger

/// The decision alone, without a database.
@Suite struct LeaseOperationTests {
    private let identity = InstanceIdentity(
        instance: InstanceID(high: 1, low: 1),
        epoch: 1,
        nonce: Nonce(high: 1, low: 1)
    )

    private func head(
        balance: Int128,
        limit: Int128 = 0,
        escrowed: Int128 = 0,
        reserved: Int128 = 0,
        overdrawn: Int128 = 0,
        isSuspended: Bool = false
    ) -> HeadSummary {
        HeadSummary(
            version: 1,
            balance: Pico(balance),
            creditLimit: Pico(limit),
            escrowed: Pico(escrowed),
            reserved: Pico(reserved),
            overdrawn: Pico(overdrawn),
            isSuspended: isSuspended
        )
    }

    private func acquire(_ sequence: Int64, want: Int128, least: Int128) -> AcquireRequest {
        AcquireRequest(
            identity: identity,
            account: AccountID(high: 1, low: 2),
            lease: LeaseID(high: 1, low: 3),
            opSequence: sequence,
            want: Pico(want),
            least: Pico(least)
        )
    }

    private func giveBack(_ sequence: Int64, _ amount: Int128, closes: Bool) -> GiveBackRequest {
        GiveBackRequest(
            identity: identity,
            account: AccountID(high: 1, low: 2),
            lease: LeaseID(high: 1, low: 3),
            opSequence: sequence,
            amount: Pico(amount),
            closes: closes
        )
    }

    @Test func `grants what is wanted, else what is there, else nothing`() throws {
        for (available, granted) in [(100, 50), (50, 50), (30, 30), (20, 20), (19, 0)] {
            let operation = try LeaseOperation.acquire(
                acquire(1, want: 50, least: 20),
                head: head(balance: Int128(available)),
                lease: nil
            )
            #expect(operation.result == Pico(Int128(granted)))
            #expect(operation.change?.head.escrowed == operation.result)
        }
    }

    @Test func `limit counts; escrow and reserve do not; suspended and overdrawn get nothing`()
        throws
    {
        let heads = [
            (head(balance: 10, limit: 20), 30), (head(balance: 10, escrowed: 4), 6),
            (head(balance: 10, reserved: 4), 6), (head(balance: 10, isSuspended: true), 0),
            (head(balance: 10, escrowed: 11, overdrawn: 1), 0),
        ]
        for (head, granted) in heads {
            let operation = try LeaseOperation.acquire(
                acquire(1, want: 100, least: 1),
                head: head,
                lease: nil
            )
            #expect(operation.result == Pico(Int128(granted)))
        }
    }

    @Test func `a repeat gets the recorded result, even of a refusal that would now succeed`()
        throws
    {
        let refused = try LeaseOperation.acquire(
            acquire(1, want: 5, least: 5),
            head: head(balance: 0),
            lease: nil
        )
        let lease = try #require(refused.change?.lease)
        let again = try LeaseOperation.acquire(
            acquire(1, want: 5, least: 5),
            head: head(balance: 100),
            lease: lease
        )
        #expect(again.result == .zero)
        #expect(again.change == nil)
    }

    @Test func `an operation out of sequence is refused`() throws {
        let first = try LeaseOperation.acquire(
            acquire(1, want: 5, least: 5),
            head: head(balance: 10),
            lease: nil
        )
        let lease = try #require(first.change?.lease)
        for sequence in [Int64.min, 0, 3, 4] {
            #expect(throws: LedgerError.self) {
                try LeaseOperation.acquire(
                    acquire(sequence, want: 1, least: 1),
                    head: head(balance: 10, escrowed: 5),
                    lease: lease
                )
            }
        }
        #expect(throws: LedgerError.self) {
            try LeaseOperation.giveBack(
                giveBack(1, 5, closes: false),
                head: head(balance: 10, escrowed: 5),
                lease: lease
            )
        }
    }

    @Test func `closing a lease that is not known keeps a late acquire from opening it`() throws {
        // Of a number that was given up, a copy may have been done or not.
        for sequence in [Int64(1), 2] {
            let closed = try LeaseOperation.giveBack(
                giveBack(sequence, 0, closes: true),
                head: head(balance: 10),
                lease: nil
            )
            #expect(closed.isLeaseClosed)
            let row = try #require(closed.change?.lease)
            let late = try LeaseOperation.acquire(
                acquire(1, want: 5, least: 5),
                head: head(balance: 10),
                lease: row
            )
            #expect(late.isLeaseClosed)
            #expect(late.result == .zero)
            #expect(late.change == nil)
        }
        for (sequence, closes) in [(Int64(3), true), (1, false)] {
            #expect(throws: LedgerError.self) {
                try LeaseOperation.giveBack(
                    giveBack(sequence, 0, closes: closes),
                    head: head(balance: 10),
                    lease: nil
                )
            }
        }
    }

    @Test func `closing returns what a copy of a given-up acquire has been granted`() throws {
        let late = try LeaseOperation.acquire(
            acquire(1, want: 5, least: 5),
            head: head(balance: 10),
            lease: nil
        )
        let closed = try LeaseOperation.giveBack(
            giveBack(2, 0, closes: true),
            head: head(balance: 10, escrowed: 5),
            lease: late.change?.lease
        )
        #expect(closed.result == Pico(5))
        #expect(closed.change?.head.escrowed == .zero)
    }

    @Test func `what is settled cannot be given back`() throws {
        let lease = LeaseRow(
            granted: Pico(10),
            settled: Pico(7),
            isOpen: true,
            opSequence: 1,
            opKind: .acquire,
            opResult: Pico(10)
        )
        #expect(throws: LedgerError.self) {
            try LeaseOperation.giveBack(
                giveBack(2, 4, closes: false),
                head: head(balance: 3, escrowed: 3),
                lease: lease
            )
        }
        let closed = try LeaseOperation.giveBack(
            giveBack(2, 0, closes: true),
            head: head(balance: 3, escrowed: 3),
            lease: lease
        )
        #expect(closed.result == Pico(3))
        #expect(closed.change?.head.escrowed == .zero)
        let row = try #require(closed.change?.lease)
        #expect(row.granted == row.settled)

        let late = try LeaseOperation.acquire(
            acquire(3, want: 5, least: 1),
            head: head(balance: 100),
            lease: row
        )
        #expect(late.isLeaseClosed)
        #expect(late.result == .zero)
    }
}
