import LedgerModel
import Postgres
import Schema
import TestSupport
import Testing

@testable import Ledger

/// Usage that comes behind the close of its month, as an append decides it.
@Suite struct LateUsageTests {
    private let account = AccountID(high: 1, low: 1)
    private let lease = LeaseID(high: 2, low: 2)
    private let end = Instant(microseconds: 1_800_000_000_000_000)

    private func append(chargedFrom: Instant? = nil) -> AppendDecision {
        let head = HeadSummary(
            version: 7,
            balance: Pico(100),
            creditLimit: .zero,
            escrowed: Pico(40),
            reserved: .zero,
            overdrawn: .zero,
            isSuspended: false
        )
        let figures = LeaseFigures(granted: Pico(50), settled: Pico(10), isOpen: true)
        return AppendDecision(
            heads: [account: head],
            leases: [LeaseKey(account: account, lease: lease): figures],
            chargedFrom: chargedFrom.map { [account: $0] } ?? [:],
            present: [:],
            now: end
        )
    }

    private func usage(_ charge: Int128, hold: Int128? = nil, at instant: Instant) -> Event {
        .usage(
            charge: Pico(charge),
            hold: Pico(hold ?? charge),
            lease: lease,
            of: account,
            at: instant
        )
    }

    private func closing(from instant: Instant?) -> Event {
        Event(
            account: account,
            id: .make(at: end),
            occurredAt: end,
            body: .periodClosed(PeriodClosed(month: .first, endsAt: end, chargedFrom: instant))
        )
    }

    @Test func `what its lease had set aside for a late call is free again`() throws {
        var append = append(chargedFrom: end)
        let event = usage(30, at: end.adding(seconds: -1))
        #expect(append.add(HashedEvent(event)) == .late(version: 8, excess: Pico(30)))
        let head = try #require(append.heads[account])
        #expect(head.balance == Pico(100))
        #expect(head.escrowed == Pico(10))
        let figures = append.leases[LeaseKey(account: account, lease: lease)]
        #expect(figures == LeaseFigures(granted: Pico(20), settled: Pico(10), isOpen: true))
        #expect(append.placed[0].effect.fromLease == .zero)
        // It is in the stream, so that it comes again without effect.
        #expect(append.add(HashedEvent(event)) == .duplicate)
    }

    @Test func `a late call never gives more back than its lease has`() throws {
        var append = append(chargedFrom: end)
        let event = usage(70, hold: 60, at: end.adding(seconds: -1))
        #expect(append.add(HashedEvent(event)) == .late(version: 8, excess: Pico(70)))
        #expect(append.heads[account]?.escrowed == .zero)
    }

    @Test func `a close counts for what comes behind it, in the same batch too`() {
        var append = append()
        let before = end.adding(seconds: -1)
        func add(_ event: Event) -> AppendOutcome { append.add(HashedEvent(event)) }
        #expect(add(usage(1, at: before)) == .appended(version: 8, amount: Pico(-1), excess: .zero))
        _ = add(closing(from: end))
        #expect(add(usage(2, at: before)) == .late(version: 10, excess: Pico(2)))
        #expect(add(usage(3, at: end)) == .appended(version: 11, amount: Pico(-3), excess: .zero))
        // The last close alone counts, and this one sets no end.
        _ = add(closing(from: nil))
        #expect(
            add(usage(4, at: before)) == .appended(version: 13, amount: Pico(-4), excess: .zero)
        )
    }

    @Test func `a close that gives up calls of the month behind it is malformed`() {
        var append = append()
        #expect(
            append.add(HashedEvent(closing(from: end.adding(seconds: 1)))) == .parked(.malformed)
        )
    }

    @Test(.enabled(if: TestServer.isConfigured, "FAREBOX_TEST_OWNER_URL is not set"))
    func `a late call frees what its lease has set aside of caps, and is told once`() async throws {
        try await LedgerFixture.run { ledger in
            let shop = try await Shop(ledger, limits: SpendLimits(total: Pico(100)))
            let lease = CappedLease(shop, try await ledger.register())
            #expect(try await lease.acquire(1, want: 60, least: 60).granted == Pico(60))
            let end = Instant.sample.adding(seconds: 1)
            let closed = PeriodClosed(month: .first, endsAt: end, chargedFrom: end)
            let closing = Event(
                account: shop.account,
                id: .make(at: end),
                occurredAt: end,
                body: .periodClosed(closed)
            )
            let late = shop.usage(25, lease: lease.id)
            let outcomes = try await ledger.events.append([closing, late, late])
            #expect(outcomes[1...] == [.late(version: 3, excess: Pico(25)), .duplicate])
            let cap = try await shop.figures(at: shop.noon, .key(shop.key))[0]
            #expect(cap.windows.map(\.spent) == [.zero])
            #expect(cap.windows.map(\.escrowed) == [Pico(35)])
            #expect(try await ledger.head(of: shop.account).escrowed == Pico(35))
            #expect(
                try await ledger.count(
                    "SELECT count(*) FROM webhook_messages WHERE kind = 'usage.late'"
                ) == 1
            )
            try await shop.verify()
        }
    }
}
