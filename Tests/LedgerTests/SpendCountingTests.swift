import Postgres
import Schema
import TestSupport
import Testing

@testable import Ledger

/// What capped keys and projects have spent, as appends count it.
@Suite(.enabled(if: TestServer.isConfigured, "FAREBOX_TEST_OWNER_URL is not set"))
struct SpendCountingTests {
    @Test func `a call across midnight counts for the day on which it ended`() async throws {
        try await LedgerFixture.run { ledger in
            let shop = try await Shop(ledger, limits: .high)
            let yesterday = try #require(Instant("2026-11-23T23:59:59Z"))
            _ = try await ledger.events.append([
                shop.usage(30, admittedAt: yesterday), shop.usage(5, admittedAt: shop.noon),
            ])
            #expect(try await shop.spent(at: yesterday) == [30, 30 + 5, 35])
            #expect(try await shop.spent(at: shop.noon) == [5, 35, 35])
            try await shop.verify()
        }
    }

    @Test func `a month's spending lost at its end, and a total that a month resets`() async throws
    {
        try await LedgerFixture.run { ledger in
            let shop = try await Shop(ledger, limits: .high)
            let days = [
                "2028-02-28T12:00:00Z", "2028-02-29T23:59:59Z", "2028-03-01T00:00:00Z",
                "2028-03-31T23:59:59Z",
            ].compactMap { Instant($0) }
            _ = try await ledger.events.append(
                zip(days, [1, 2, 4, 8]).map { shop.usage($1, admittedAt: $0) }
            )
            #expect(try await shop.spent(at: days[0]) == [1, 3, 15])
            #expect(try await shop.spent(at: days[1]) == [2, 3, 15])
            #expect(try await shop.spent(at: days[2]) == [4, 12, 15])
            #expect(try await shop.spent(at: days[3]) == [8, 12, 15])
            try await shop.verify()
        }
    }

    @Test func `a cap on a key that has a past begins at zero`() async throws {
        try await LedgerFixture.run { ledger in
            let shop = try await Shop(ledger, limits: .none)
            let lastMonth = try #require(Instant("2026-10-31T12:00:00Z"))
            _ = try await ledger.events.append([
                shop.usage(30, admittedAt: lastMonth), shop.usage(5, admittedAt: shop.noon),
            ])
            #expect(try await shop.spent(at: shop.noon) == [])
            try await shop.limit([.day: Pico(50), .month: Pico(50), .total: Pico(50)])
            #expect(try await shop.spent(at: shop.noon) == [5, 5, 35])
            _ = try await ledger.events.append([shop.usage(2, admittedAt: shop.noon)])
            #expect(try await shop.spent(at: shop.noon) == [7, 7, 37])

            // Without a limit it goes on counting, so that a later one finds the whole past.
            try await shop.limit([.total: nil])
            _ = try await ledger.events.append([shop.usage(1, admittedAt: shop.noon)])
            #expect(try await shop.spent(at: shop.noon) == [8, 8])
            try await shop.limit([.total: Pico(50)])
            #expect(try await shop.spent(at: shop.noon) == [8, 8, 38])
            try await shop.verify()
        }
    }

    @Test func `spending lost between a first cap and the appends that race with it`() async throws
    {
        try await LedgerFixture.run(connectionsMax: 6) { ledger in
            let shop = try await Shop(ledger, limits: .none)
            try await withThrowingTaskGroup(of: Void.self) { group in
                for _ in 0..<4 {
                    group.addTask {
                        for _ in 0..<20 {
                            _ = try await ledger.events.append([shop.usage(1)])
                        }
                    }
                }
                group.addTask {
                    try await Task.sleep(for: .milliseconds(20))
                    try await shop.limit([.day: Pico(50), .month: Pico(50), .total: Pico(50)])
                }
                try await group.waitForAll()
            }
            #expect(try await shop.spent(at: shop.noon) == [80, 80, 80])
            try await shop.verify()
        }
    }

    @Test func `an event counted twice, an adjustment that restores a cap`() async throws {
        try await LedgerFixture.run { ledger in
            let shop = try await Shop(
                ledger,
                limits: SpendLimits(day: Pico(10), month: Pico(100), total: Pico(100))
            )
            let usage = shop.usage(30)
            _ = try await ledger.events.append([usage, usage])
            _ = try await ledger.events.append([usage])
            let adjustment = CreditAdjusted(amount: Pico(30), reason: "goodwill")
            _ = try await ledger.events.append([
                Event(
                    account: shop.account,
                    id: .make(at: .sample),
                    occurredAt: .sample,
                    body: .creditAdjusted(adjustment)
                )
            ])
            // Above the cap, for what is late posts all the same.
            #expect(try await shop.spent(at: shop.noon) == [30, 30, 30])
            try await shop.verify()
        }
    }

    @Test func `days that were tampered with and are not found`() async throws {
        try await LedgerFixture.run { ledger in
            let shop = try await Shop(ledger, limits: .high)
            _ = try await ledger.events.append([shop.usage(30)])
            for tampering in [
                "UPDATE spend_days SET spent = spent - 1", "DELETE FROM spend_days",
                "UPDATE spend_days SET starts_at = starts_at - interval '1 day', "
                    + "ends_at = ends_at - interval '1 day'",
            ] {
                struct Undo: Error {}
                do {
                    try await ledger.owner.transaction { session in
                        try session.script(tampering)
                        let found = try VerificationCheck.all(VerificationScope(shop.account))
                            .flatMap { check in
                                try session.execute(check.query).map {
                                    try $0.get("invariant", as: String.self)
                                }
                            }
                        #expect(found.contains("I6"), "\(tampering)")
                        throw Undo()
                    }
                } catch is Undo {}
            }
            try await shop.verify()
        }
    }
}

extension SpendLimits {
    static let high = SpendLimits(day: Pico(1_000), month: Pico(1_000), total: Pico(1_000))
}

/// An account with one key, through which everything is bought.
struct Shop: Sendable {
    let ledger: LedgerFixture
    let account: AccountID
    let key: KeyID
    let project: ProjectID
    let noon = Instant("2026-11-24T12:00:00Z") ?? .sample

    init(
        _ ledger: LedgerFixture,
        limits: SpendLimits,
        projectLimits: SpendLimits = .none,
        credit: Pico = Pico(1_000_000)
    ) async throws {
        self.ledger = ledger
        let made = try await Accounts(ledger.service).create(.init(slug: "shop"), at: .sample)
        account = made.id
        project = try await Projects(ledger.service).create(
            "web",
            in: "shop",
            limits: projectLimits,
            at: .sample
        ).id
        var creation = APIKeys.Creation(account: "shop")
        creation.project = "web"
        creation.limits = limits
        key = try await APIKeys(ledger.service).create(creation, at: .sample).key.id
        _ = try await Credits(ledger.service).grant(
            .init(account: "shop", amount: credit),
            at: .sample
        )
    }

    /// A call that was taken from these caps; without a lease it was taken from nothing.
    func usage(
        _ charge: Int128,
        admittedAt: Instant? = nil,
        lease: LeaseID? = nil,
        capped: CappedScopes = .key
    ) -> Event {
        .usage(charge: Pico(charge), lease: lease, of: account) { usage in
            usage.key = key
            usage.project = project
            usage.admittedAt = admittedAt ?? noon
            if lease != nil { usage.capped = capped }
        }
    }

    func limit(_ limits: [CapPeriod: Pico?]) async throws {
        var changes = SpendLimitChanges()
        changes.limits = limits
        _ = try await APIKeys(ledger.service).limit(key, changes)
    }

    func figures(at instant: Instant, _ scopes: CapScope...) async throws -> [CapFigures] {
        try await SpendCaps(ledger.service).figures(scopes, of: account, at: instant)
    }

    /// What the key has spent by day, by month and in total, where it has limits.
    func spent(at instant: Instant) async throws -> [Int128] {
        try await figures(at: instant, .key(key)).flatMap { $0.windows.map(\.spent.units) }
    }

    func verify() async throws {
        #expect(try await Verification(ledger.service).run().findings == [])
    }
}
