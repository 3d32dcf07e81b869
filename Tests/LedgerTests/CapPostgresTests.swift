import Postgres
import Schema
import TestSupport
import Testing

@testable import Ledger

/// Whole instances that race on caps, against the real database.
@Suite(.enabled(if: TestServer.isConfigured, "FAREBOX_TEST_OWNER_URL is not set"))
struct CapPostgresTests {
    @Test func `three instances that each allow a cap for themselves`() async throws {
        try await LedgerFixture.run(connectionsMax: 6) { ledger in
            let limits = SpendLimits(day: Pico(37 * 1_000 + 999))
            let shop = try await Shop(ledger, limits: limits, credit: Pico(10_000_000))
            let admitted = try await withThrowingTaskGroup(of: Int.self) { group in
                for _ in 0..<3 {
                    group.addTask {
                        try await EscrowAtWork(authority: ledger.authority).run { escrow in
                            try await callInParallel(60, escrow, shop, limits)
                        }
                    }
                }
                return try await group.reduce(0, +)
            }
            #expect(admitted == 37)
            #expect(try await shop.spent(at: shop.noon) == [37_000])
            let cap = try await shop.figures(at: shop.noon, .key(shop.key))[0]
            #expect(cap.windows[0].escrowed == .zero)
            #expect(try await ledger.count("SELECT count(*) FROM cap_leases") == 0)
            try await shop.verify()
        }
    }

    @Test func `a repeat of an operation sets more of a cap aside`() async throws {
        try await LedgerFixture.run { ledger in
            let shop = try await Shop(ledger, limits: SpendLimits(total: Pico(100)))
            let lease = CappedLease(shop, try await ledger.register())
            let first = try await lease.acquire(1, want: 60, least: 10)
            let again = try await lease.acquire(1, want: 60, least: 10)
            #expect(first.caps.map(\.granted) == [Pico(60)])
            #expect(again.caps.map(\.granted) == [Pico(60)])
            #expect(again.granted == Pico(60))
            #expect(try await lease.acquire(2, want: 60, least: 41).caps[0].granted == .zero)
            #expect(try await lease.acquire(3, want: 60, least: 40).caps[0].granted == Pico(40))
            let full = try await shop.figures(at: shop.noon, .key(shop.key))[0]
            #expect(full.windows[0].escrowed == Pico(100))

            try await lease.giveBack(4, 25)
            try await lease.giveBack(4, 25)
            let less = try await shop.figures(at: shop.noon, .key(shop.key))[0]
            #expect(less.windows[0].escrowed == Pico(75))
        }
    }

    @Test func `a database that lost its tail grants what a cap has leased a second time`()
        async throws
    {
        try await LedgerFixture.run { ledger in
            let shop = try await Shop(ledger, limits: SpendLimits(day: Pico(100)))
            let identity = try await ledger.register()
            let lease = CappedLease(shop, identity)
            // All that the database knows of the lease is its first operation, for another amount.
            _ = try await lease.acquire(1, want: 10, least: 10)
            let reclaimed = try await lease.reclaim(5, remaining: 70)
            #expect(reclaimed.remaining == Pico(70))
            #expect(reclaimed.caps.map(\.amount) == [Pico(70)])
            #expect(try await lease.reclaim(5, remaining: 70) == reclaimed)
            let other = CappedLease(shop, try await ledger.register())
            #expect(try await other.acquire(1, want: 31, least: 31).caps[0].granted == .zero)
            #expect(try await other.acquire(2, want: 30, least: 30).caps[0].granted == Pico(30))
            // What is not free any more is not restored, and what is not counted on is let go.
            #expect(try await lease.reclaim(6, remaining: 90).caps.map(\.amount) == [Pico(70)])
            #expect(try await lease.reclaim(7, remaining: 20).caps.map(\.amount) == [Pico(20)])
            let cap = try await shop.figures(at: shop.noon, .key(shop.key))[0]
            #expect(cap.windows[0].escrowed == Pico(50))
            try await shop.verify()
        }
    }

    @Test func `a lifted cap's calls that are charged to what others have set aside of it`()
        async throws
    {
        try await LedgerFixture.run { ledger in
            let shop = try await Shop(ledger, limits: SpendLimits(day: Pico(100)))
            let lease = CappedLease(shop, try await ledger.register())
            _ = try await lease.acquire(1, want: 50, least: 50)
            try await shop.limit([.day: nil])
            // Admitted under no cap, on the same lease, while another call holds all of the part.
            let uncapped = shop.usage(40, lease: lease.id, capped: [])
            _ = try await ledger.events.append([uncapped])
            try await shop.limit([.day: Pico(100)])
            let cap = try await shop.figures(at: shop.noon, .key(shop.key))[0].windows[0]
            #expect(cap.spent == Pico(40))
            #expect(cap.escrowed == Pico(50))
            #expect(try await lease.acquire(2, want: 60, least: 11).caps[0].granted == .zero)
            #expect(try await lease.acquire(3, want: 60, least: 10).caps[0].granted == Pico(10))
            _ = try await ledger.events.append([shop.usage(50, lease: lease.id)])
            #expect(try await shop.spent(at: shop.noon) == [90])
            try await shop.verify()
        }
    }

    @Test func `a dead instance keeps a cap's money for ever`() async throws {
        try await LedgerFixture.run { ledger in
            let shop = try await Shop(ledger, limits: SpendLimits(day: Pico(100)))
            let old = try await ledger.register()
            let lease = CappedLease(shop, old)
            _ = try await lease.acquire(1, want: 100, least: 100)
            _ = try await ledger.events.append([shop.usage(30, lease: lease.id)])
            func escrowed() async throws -> Pico {
                try await shop.figures(at: shop.noon, .key(shop.key))[0].windows[0].escrowed
            }
            #expect(try await escrowed() == Pico(70))
            let new = try await ledger.authority.register(
                instance: old.instance,
                label: "test",
                expectedNonce: old.nonce,
                freshNonce: .random()
            )
            #expect(try await ledger.authority.closeEarlierEpochs(new) == 1)
            #expect(try await escrowed() == .zero)
            #expect(try await shop.spent(at: shop.noon) == [30])
            try await shop.verify()
        }
    }

    @Test func `yesterday's running calls block today's money, and the month forgets them`()
        async throws
    {
        try await LedgerFixture.run { ledger in
            let limits = SpendLimits(day: Pico(100), month: Pico(150))
            let shop = try await Shop(ledger, limits: limits)
            let yesterday = try #require(Instant("2026-11-23T23:59:59Z"))
            let lease = CappedLease(shop, try await ledger.register())
            let before = try await lease.acquire(1, want: 100, least: 100, at: yesterday)
            #expect(before.caps[0].granted == Pico(100))
            let after = try await lease.acquire(2, want: 100, least: 10)
            // Today is untouched; of the month 50 are left.
            #expect(after.caps[0].granted == Pico(50))
            #expect(after.caps[0].figures.windows.map(\.escrowed) == [Pico(50), Pico(150)])
            _ = try await ledger.events.append([
                shop.usage(80, admittedAt: yesterday, lease: lease.id),
                shop.usage(20, admittedAt: shop.noon, lease: lease.id),
            ])
            let today = try await shop.figures(at: shop.noon, .key(shop.key))[0]
            #expect(today.windows.map(\.spent) == [Pico(20), Pico(100)])
            #expect(today.windows.map(\.escrowed) == [Pico(30), Pico(50)])
            try await shop.verify()
        }
    }

    /// Calls that each cost their whole hold, until the cap is used up.
    private func callInParallel(
        _ count: Int,
        _ escrow: Escrow,
        _ shop: Shop,
        _ limits: SpendLimits
    ) async throws -> Int {
        try await withThrowingTaskGroup(of: Int.self) { group in
            for _ in 0..<count {
                group.addTask {
                    guard let hold = try await holdUnderCap(escrow, shop, limits) else { return 0 }
                    escrow.settle(hold, charge: hold.amount)
                    let event = shop.usage(hold.amount.units, lease: hold.lease)
                    _ = try await shop.ledger.events.append([event])
                    if let lease = hold.lease {
                        escrow.shipped(shop.account, lease: lease, amount: hold.amount)
                    }
                    return 1
                }
            }
            return try await group.reduce(0, +)
        }
    }

    /// Until it is admitted, or told that the cap itself cannot cover it.
    private func holdUnderCap(
        _ escrow: Escrow,
        _ shop: Shop,
        _ limits: SpendLimits
    ) async throws -> EscrowHold? {
        let request = EscrowRequest(
            shop.account,
            want: Pico(1_000),
            least: Pico(1_000),
            waitMax: .milliseconds(500),
            caps: [SpendCap(.key(shop.key), limits)],
            admittedAt: shop.noon
        )
        while true {
            do throws(EscrowRefusal) {
                return try await escrow.hold(request)
            } catch {
                guard error.reason == .insufficient else { continue }
                #expect(error.cap?.name == "key_cap_day")
                return nil
            }
        }
    }
}

/// A lease whose every operation asks the account and one key for the same.
struct CappedLease {
    let id = LeaseID.make(at: .sample)
    private let shop: Shop
    private let identity: InstanceIdentity

    init(_ shop: Shop, _ identity: InstanceIdentity) {
        (self.shop, self.identity) = (shop, identity)
    }

    func acquire(
        _ sequence: Int64,
        want: Int128,
        least: Int128,
        at instant: Instant? = nil
    ) async throws -> AcquireReply {
        let part = CappedNeed.Part(scope: .key(shop.key), want: Pico(want), least: Pico(least))
        return try await shop.ledger.authority.acquire(
            AcquireRequest(
                identity: identity,
                account: shop.account,
                lease: id,
                opSequence: sequence,
                want: .zero,
                least: .zero,
                capped: [
                    CappedNeed(
                        at: instant ?? shop.noon,
                        want: part.want,
                        least: part.least,
                        parts: [part]
                    )
                ]
            )
        )
    }

    func reclaim(_ sequence: Int64, remaining: Int128) async throws -> ReclaimReply {
        try await shop.ledger.authority.reclaim(
            ReclaimRequest(
                identity: identity,
                account: shop.account,
                lease: id,
                opSequence: sequence,
                remaining: Pico(remaining),
                caps: [CapRemainder(day: day, amount: Pico(remaining))]
            )
        )
    }

    private var day: CapDay {
        CapDay(scope: .key(shop.key), startsAt: Instant("2026-11-24") ?? shop.noon)
    }

    func giveBack(_ sequence: Int64, _ amount: Int128) async throws {
        _ = try await shop.ledger.authority.giveBack(
            GiveBackRequest(
                identity: identity,
                account: shop.account,
                lease: id,
                opSequence: sequence,
                amount: .zero,
                closes: false,
                caps: [CapReturn(day: day, amount: Pico(amount))]
            )
        )
    }
}
