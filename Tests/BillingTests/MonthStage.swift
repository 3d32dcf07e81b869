import Ledger
import Postgres
import Schema
import Testing

@testable import Billing

/// Accounts and their months, told in dates of a clock that the test moves.
struct MonthStage {
    let database: Database
    let owner: Database
    var now: Instant

    static let project = ProjectID(high: 1, low: 1)
    static let key = KeyID(high: 2, low: 2)

    static func run(
        at date: String,
        connections: Int = 4,
        _ body: (inout MonthStage) async throws -> Void
    ) async throws {
        let start = try #require(Instant(date))
        try await withOwnedBillingDatabase(connections: connections) { database, owner in
            var stage = MonthStage(database: database, owner: owner, now: start)
            let issuer = Issuer(
                slug: "us",
                series: "INV",
                party: DocumentParty(legalName: "Us Ltd")
            )
            _ = try await stage.parties.setIssuer(issuer, at: start)
            try await body(&stage)
            let report = try await Verification(database).run()
            #expect(report.findings == [])
            try await stage.requireGaplessNumbers()
        }
    }

    var invoices: Invoices { Invoices(database) }
    var parties: BillingParties { BillingParties(database) }

    func account(
        _ slug: String = "acme",
        zone: String = "UTC",
        currency: String = "USD",
        limit: String = "0",
        isBilled: Bool = true
    ) async throws -> AccountID {
        var creation = Accounts.Creation(slug: slug)
        creation.timeZone = zone
        creation.currency = try #require(Currency(currency))
        creation.creditLimit = try #require(Pico(limit))
        let account = try await Accounts(database).create(creation, at: now)
        if isBilled {
            var party = DocumentParty(legalName: "\(slug) Inc.")
            party.paymentTermsDays = 14
            _ = try await parties.setProfile(party, issuer: nil, of: slug, at: now)
        }
        return account.id
    }

    @discardableResult
    func grant(
        _ amount: String,
        _ kind: CreditGranted.Kind = .paid,
        to slug: String = "acme",
        expires: String? = nil
    ) async throws -> GrantID {
        var grant = Credits.Grant(account: slug, amount: try #require(Pico(amount)))
        grant.kind = kind
        grant.expiresAt = expires.flatMap { Instant($0) }
        return try await Credits(database).grant(grant, at: now).id
    }

    /// A call that costs exactly so much, dated now or before.
    func charge(
        _ amount: Pico,
        _ account: AccountID,
        at date: String? = nil,
        tokens: Int64 = 0,
        price: Int64 = 1
    ) async throws {
        let outcome = try await append(amount, account, at: date, tokens: tokens, price: price)
        guard case .appended(_, let taken, _) = outcome, taken == -amount else {
            Issue.record("the charge found no cover: \(outcome)")
            return
        }
    }

    /// Appends a call of that price, and returns what became of it.
    @discardableResult
    func append(
        _ amount: Pico,
        _ account: AccountID,
        at date: String? = nil,
        tokens: Int64 = 0,
        price: Int64 = 1
    ) async throws -> AppendOutcome {
        let event = usage(
            amount,
            account,
            at: date.flatMap { Instant($0) } ?? now,
            tokens: tokens,
            price: price
        )
        return try await EventStore(database).append([event])[0]
    }

    /// So many calls now that cost the same.
    func charge(_ amount: Pico, _ account: AccountID, times count: Int64) async throws {
        let events = (0..<count).map { _ in usage(amount, account, at: now) }
        for start in stride(from: 0, to: events.count, by: 200) {
            let batch = events[start..<min(start + 200, events.count)]
            _ = try await EventStore(database).append(Array(batch))
        }
    }

    private func usage(
        _ amount: Pico,
        _ account: AccountID,
        at instant: Instant,
        tokens: Int64 = 0,
        price: Int64 = 1
    ) -> Event {
        var usage = Usage(
            request: .make(at: instant),
            lease: nil,
            key: Self.key,
            project: Self.project,
            admittedAt: instant,
            model: "m",
            upstream: "u",
            upstreamModel: "m",
            endpoint: .chatCompletions,
            isStreamed: false,
            priceVersion: PriceVersion(price),
            hold: amount
        )
        usage.charge = amount
        usage.tokens.input = tokens
        usage.status = 200
        usage.outcome = .completed
        usage.source = .upstreamFinal
        return Event(
            account: account,
            id: .make(at: instant),
            occurredAt: instant,
            body: .usage(usage)
        )
    }

    mutating func advance(to date: String) async throws {
        now = try #require(Instant(date))
        _ = try await DueCredit(database).settle(at: now)
    }

    func close(_ month: String, _ slug: String = "acme") async throws -> [InvoiceDocument] {
        try await invoices.close(slug, through: try #require(Month(month)), at: now)
            .map(\.document)
    }

    /// Takes an invoice back, whole or in part.
    @discardableResult
    func credit(
        _ number: String,
        _ amount: String? = nil,
        reason: String = "wrong",
        key: String? = nil
    ) async throws -> StoredDocument {
        try await invoices.credit(
            InvoiceCredit(number: number, reason: reason, amount: amount.flatMap { Pico($0) }),
            at: now,
            idempotencyKey: key
        )
    }

    @discardableResult
    func pay(_ number: String, _ reference: String) async throws -> StoredDocument {
        try await invoices.pay(number, reference: reference, at: now)
    }

    /// Changes what must not be changed, as the owner and with the guards of the tables off.
    func tamper(_ tables: String..., sql: String) async throws {
        let guards = tables.map { "ALTER TABLE \($0) DISABLE TRIGGER USER;" }.joined()
        try await owner.read { session in
            try session.script("BEGIN; \(guards) \(sql); COMMIT")
        }
    }

    /// Every number from 1 to the last is there once, and every document reads as it is stored.
    private func requireGaplessNumbers() async throws {
        let documents = try await invoices.list()
        let numbers = documents.compactMap { $0.document.number }
        #expect(Set(numbers).count == numbers.count)
        for (_, numbers) in Dictionary(grouping: numbers, by: { $0.dropLast(5) }) {
            let last = numbers.compactMap { Int($0.suffix(5)) }.max()
            #expect(last == numbers.count)
        }
        for stored in documents { try requireSums(stored.document) }
    }

    private func requireSums(_ document: InvoiceDocument) throws {
        let totals = document.totals
        #expect(document.lines.reduce(.zero) { $0 + $1.exact } == totals.exact)
        #expect(document.lines.reduce(.zero) { $0 + $1.amount } == totals.subtotal)
        #expect(totals.subtotal.pico(in: document.currency) + totals.residue == totals.exact)
        #expect(document.taxes.reduce(.zero) { $0 + $1.amount } == totals.tax)
        #expect(totals.net >= .zero && totals.due >= .zero)
        guard document.period != nil else { return }
        for subtotals in [document.projectSubtotals, document.keySubtotals] {
            #expect(subtotals.reduce(.zero) { $0 + $1.exact } == totals.exact)
            #expect(subtotals.reduce(.zero) { $0 + $1.amount } == totals.subtotal)
        }
        #expect(document.creditsApplied.reduce(.zero) { $0 + $1.amount } == totals.creditsApplied)
        let balances = try #require(document.balances)
        #expect(balances.changes.reduce(balances.opening) { $0 + $1.amount } == balances.closing)
    }
}
