import Postgres
import Schema
import Testing

@testable import Ledger

/// One account and its credit, told in dates of a clock that the test moves.
struct CreditStage {
    let ledger: LedgerFixture
    let account: AccountID
    var now: Instant

    static let slug = "acme"

    /// Begins at a date in the past: the database's clock refuses events of the future.
    static func run(
        at date: String,
        limit: Int128 = 0,
        connectionsMax: Int = 4,
        _ body: (inout CreditStage) async throws -> Void
    ) async throws {
        let start = try #require(Instant(date))
        try await LedgerFixture.run(connectionsMax: connectionsMax) { ledger in
            var creation = Accounts.Creation(slug: slug)
            creation.creditLimit = Pico(limit)
            let account = try await Accounts(ledger.service).create(creation, at: start)
            var stage = CreditStage(ledger: ledger, account: account.id, now: start)
            try await body(&stage)
            let report = try await Verification(ledger.service).run()
            #expect(report.findings == [])
        }
    }

    var credits: Credits { Credits(ledger.service) }

    /// Moves the clock and does what is due, in two processes at once.
    mutating func advance(to date: String) async throws {
        now = try #require(Instant(date))
        try await settleDue()
    }

    func settleDue() async throws {
        let (due, now) = (DueCredit(ledger.service), now)
        async let one = due.settle(at: now)
        async let other = due.settle(at: now)
        let reports = try await [one, other]
        #expect(reports.allSatisfy { $0.failures.isEmpty })
    }

    @discardableResult
    func grant(
        _ amount: Int128,
        _ kind: CreditGranted.Kind = .paid,
        starts: String? = nil,
        expires: String? = nil,
        reference: String? = nil
    ) async throws -> GrantID {
        var grant = Credits.Grant(account: Self.slug, amount: Pico(amount))
        grant.kind = kind
        grant.startsAt = try starts.map { try #require(Instant($0)) }
        grant.expiresAt = try expires.map { try #require(Instant($0)) }
        grant.reference = reference
        return try await credits.grant(grant, at: now).id
    }

    /// A call that ends now; without a lease it takes of what is free.
    func charge(
        _ amount: Int128,
        admitted: String? = nil,
        lease: LeaseID? = nil
    ) async throws {
        let admittedAt = try admitted.map { try #require(Instant($0)) } ?? now
        let outcomes = try await ledger.events.append([
            .usage(charge: Pico(amount), lease: lease, of: account, at: now) {
                $0.admittedAt = admittedAt
            }
        ])
        if case .appended(_, let taken, let excess) = outcomes[0], taken == Pico(-amount),
            excess == .zero
        {
            return
        }
        Issue.record("the charge found no cover: \(outcomes)")
    }

    func lease() async throws -> TestLease {
        TestLease(ledger, try await ledger.register(), account)
    }

    func head() async throws -> HeadSummary { try await ledger.head(of: account) }

    /// What is left of each grant, by its id; asserts that the list adds up.
    func rests() async throws -> [GrantID: Pico] {
        let list = try await list()
        return Dictionary(uniqueKeysWithValues: list.grants.map { ($0.id, $0.remaining) })
    }

    func list() async throws -> GrantList {
        let list = try await credits.list(Self.slug)
        let rests = list.grants.map(\.remaining).reduce(.zero, +)
        #expect(rests - list.unpaid == list.account.balance)
        for grant in list.grants {
            #expect(grant.burned >= .zero && grant.remaining >= .zero)
            #expect(grant.burned + grant.remaining <= grant.amount)
        }
        return list
    }

    func status(of grant: GrantID) async throws -> GrantSummary.Status? {
        try await list().grants.first { $0.id == grant }?.status
    }

    /// The stream's last events: `credit_expired -5 2025-04-01T00:00:00Z`.
    func lastEvents(_ count: Int) async throws -> [String] {
        try await ledger.events.events(of: account, limit: 10_000).suffix(count).map {
            "\($0.event.body.kind.rawValue) \($0.amount.units) \($0.event.occurredAt)"
        }
    }
}
