import Schema
import Testing

@testable import Ledger

/// Acquires that a book gave up, because the database refused them, and whose copies come late.
@Suite struct GivenUpAcquireTests {
    private let start = ContinuousClock.now
    private var book = LeaseBook(
        account: AccountID(high: 1, low: 1),
        firstLease: LeaseID(high: 2, low: 2),
        settings: EscrowSettings()
    )
    private let tenure = EscrowTenure(
        identity: InstanceIdentity(
            instance: InstanceID(high: 3, low: 3),
            epoch: 1,
            nonce: Nonce(high: 4, low: 4)
        ),
        validUntil: .now + .seconds(600)
    )

    /// A promoted database refuses the first acquire: it leases nothing new for a while.
    private mutating func giveUpTheFirst() throws {
        let asked = book.wait(
            1,
            want: Pico(5),
            least: Pico(5),
            deadline: start + .seconds(1),
            now: start,
            tenure: tenure
        )
        guard case .acquire(let request)? = asked.first else {
            Issue.record("nothing is asked for: \(asked)")
            return
        }
        #expect(request.opSequence == 1)
        _ = book.completed(
            request,
            .failure(LedgerError(.learning, "it was promoted")),
            now: start,
            tenure: tenure
        )
        _ = book.tick(now: start + .seconds(1), tenure: tenure)
    }

    @Test mutating func `a lease that was never granted is closed, beyond what may yet be done`()
        throws
    {
        try giveUpTheFirst()
        let swept = book.sweep(now: start + .seconds(10), tenure: tenure)
        guard case .giveBack(let closing)? = swept.first else {
            Issue.record("the lease is not closed: \(swept)")
            return
        }
        #expect(closing.closes)
        #expect(closing.opSequence == 2)
        #expect(!book.isClosed)
    }

    @Test mutating func `a draining book waits until a lease that was never granted is closed`()
        throws
    {
        try giveUpTheFirst()
        var draining = tenure
        draining.phase = .draining
        let drained = book.sweep(now: start + .seconds(10), tenure: draining)
        guard case .giveBack(let closing)? = drained.first else {
            Issue.record("the lease is not closed: \(drained)")
            return
        }
        #expect(closing.closes)
        #expect(!book.isClosed)
        let empty = HeadSummary(
            version: 1,
            balance: .zero,
            creditLimit: .zero,
            escrowed: .zero,
            reserved: .zero,
            overdrawn: .zero,
            isSuspended: false
        )
        _ = book.completed(
            closing,
            .success(GiveBackReply(returned: .zero, head: empty, isLeaseClosed: true)),
            now: start + .seconds(10),
            tenure: draining
        )
        #expect(book.isClosed)
    }
}
