import Foundation
import Ledger
import Postgres
import Schema

/// Who issues documents, whom they are for, and how they are taxed.
///
/// Every change is a new revision, for documents that were issued by an older one rest on it.
package struct BillingParties: Sendable {
    private let database: Database

    package init(_ database: Database) {
        self.database = database
    }

    /// Records an issuer's name, address and series; the same again changes nothing.
    ///
    /// - Throws: `.conflict` when another issuer numbers documents in that series.
    package func setIssuer(
        _ issuer: Issuer,
        at now: Instant
    ) async throws(LedgerError) -> Issuer {
        let party = try Self.text(issuer.party)
        return try await database.ledgerCommand { session in
            try Issuer.lock(session)
            let present = try Issuer.read(issuer.slug, session)
            if let present, present.hasSameContent(as: issuer) { return present }
            try issuer.requireOwnSeries(session)
            var added = issuer
            added.revision = (present?.revision ?? 0) + 1
            _ = try session.execute(
                """
                INSERT INTO issuers (issuer, revision, series, party, late_days, created_at)
                VALUES (\(issuer.slug), \(added.revision), \(issuer.series), \(party),
                    \(issuer.lateDays), \(now))
                """
            )
            return added
        }
    }

    package func issuers() async throws(LedgerError) -> [Issuer] {
        try await database.ledgerRead { session in try Issuer.all(session) }
    }

    /// Records whom an account's documents are for.
    ///
    /// - Throws: `.notFound` for the account or the issuer.
    package func setProfile(
        _ party: DocumentParty,
        issuer: String?,
        of slug: String,
        at now: Instant
    ) async throws(LedgerError) -> BillingProfile {
        let text = try Self.text(party)
        return try await database.ledgerCommand { session in
            let account = try AccountSummary.lock(slug: slug, session)
            let present = try BillingProfile.read(account.id, session)
            let issuers = try Issuer.all(session)
            guard let name = issuer ?? present?.issuer ?? issuers.first?.slug else {
                throw LedgerError(.refused, "there is no issuer yet: farebox issuer create")
            }
            guard issuers.contains(where: { $0.slug == name }) else {
                throw LedgerError(.notFound, "no issuer \(name)")
            }
            if let present, present.party == party, present.issuer == name { return present }
            let revision = (present?.revision ?? 0) + 1
            _ = try session.execute(
                """
                INSERT INTO billing_profiles (account_id, revision, issuer, party, created_at)
                VALUES (\(account.id), \(revision), \(name), \(text), \(now))
                """
            )
            return BillingProfile(revision: revision, issuer: name, party: party)
        }
    }

    /// Records how an account's documents are taxed from now on.
    package func setTax(
        _ rule: TaxRule,
        of slug: String,
        at now: Instant
    ) async throws(LedgerError) -> TaxRule {
        guard (rule.rate > 0) == (rule.category == .standard), rule.rate <= 100_000 else {
            throw LedgerError(.invalid, "only the category S has a rate, of up to 100 %")
        }
        return try await database.ledgerCommand { session in
            let account = try AccountSummary.lock(slug: slug, session)
            let present = try TaxRule.read(account.id, session)
            var added = rule
            added.revision = present?.revision ?? 0
            if added == present { return added }
            added.revision += 1
            _ = try session.execute(
                """
                INSERT INTO tax_rules (account_id, revision, category, rate, reason, created_at)
                VALUES (\(account.id), \(added.revision), \(rule.category.rawValue), \(rule.rate),
                    \(rule.reason), \(now))
                """
            )
            return added
        }
    }

    /// How each account is taxed that has a rule, by slug.
    package func taxes() async throws(LedgerError) -> [(account: String, rule: TaxRule)] {
        try await database.ledgerRead { session in
            try session.execute(
                """
                SELECT DISTINCT ON (slug) slug, tax_rules.* FROM tax_rules
                JOIN accounts USING (account_id) ORDER BY slug, revision DESC
                """
            ).map { (try $0.get("slug"), try TaxRule($0)) }
        }
    }

    static func text(_ party: DocumentParty) throws(LedgerError) -> String {
        let encoder = JSONEncoder()
        encoder.outputFormatting = [.sortedKeys]
        guard let data = try? encoder.encode(party) else {
            throw LedgerError(.invalid, "the party cannot be written")
        }
        return String(decoding: data, as: UTF8.self)
    }

    static func party(_ text: String) throws(LedgerError) -> DocumentParty {
        guard let party = try? JSONDecoder().decode(DocumentParty.self, from: Data(text.utf8))
        else { throw LedgerError(.corrupt, "a party cannot be read") }
        return party
    }
}

/// Who issues documents, with the series of their numbers.
package struct Issuer: Hashable, Sendable {
    package let slug: String
    package var revision: Int64 = 0
    package let series: String
    package let party: DocumentParty
    /// How many days before the end of a closed month usage is still charged that comes behind the
    /// close; nil for however late.
    package var lateDays: Int32?

    /// The most days that usage may be late: ten years.
    package static let lateDaysMax: Int64 = 3_660

    package init(slug: String, series: String, party: DocumentParty) {
        self.slug = slug
        self.series = series
        self.party = party
    }

    func hasSameContent(as other: Issuer) -> Bool {
        var other = other
        other.revision = revision
        return self == other
    }

    /// From when on usage is charged that comes behind the close of a month.
    func chargedFrom(monthEnding end: Instant) -> Instant? {
        lateDays.map { end.adding(seconds: -Int64($0) * 86_400) }
    }

    static func all(_ session: Session) throws -> [Issuer] {
        try session.execute(
            "SELECT DISTINCT ON (issuer) * FROM issuers ORDER BY issuer, revision DESC"
        ).map { try Issuer($0) }
    }

    static func read(
        _ slug: String,
        revision: Int64? = nil,
        _ session: Session
    ) throws -> Issuer? {
        try session.execute(
            """
            SELECT * FROM issuers
            WHERE issuer = \(slug) AND revision = coalesce(\(revision), revision)
            ORDER BY revision DESC LIMIT 1
            """
        ).first.map { try Issuer($0) }
    }

    private init(_ row: Row) throws {
        slug = try row.get("issuer")
        revision = try row.get("revision")
        series = try row.get("series")
        party = try BillingParties.party(row.get("party"))
        lateDays = try row.get("late_days")
    }
}

/// Whom an account's documents are for.
package struct BillingProfile: Hashable, Sendable {
    package let revision: Int64
    package let issuer: String
    package let party: DocumentParty

    static func read(
        _ account: AccountID,
        revision: Int64? = nil,
        _ session: Session
    ) throws -> BillingProfile? {
        try session.execute(
            """
            SELECT * FROM billing_profiles
            WHERE account_id = \(account) AND revision = coalesce(\(revision), revision)
            ORDER BY revision DESC LIMIT 1
            """
        ).first.map { row in
            BillingProfile(
                revision: try row.get("revision"),
                issuer: try row.get("issuer"),
                party: try BillingParties.party(row.get("party"))
            )
        }
    }
}

/// How an account's documents are taxed.
package struct TaxRule: Hashable, Sendable {
    package var revision: Int64 = 0
    package let category: TaxCategory
    /// In thousandths of a percent.
    package let rate: Int64
    package let reason: String?

    package init(category: TaxCategory, rate: Int64, reason: String?) {
        self.category = category
        self.rate = rate
        self.reason = reason
    }

    static func read(
        _ account: AccountID,
        revision: Int64? = nil,
        _ session: Session
    ) throws -> TaxRule? {
        try session.execute(
            """
            SELECT * FROM tax_rules
            WHERE account_id = \(account) AND revision = coalesce(\(revision), revision)
            ORDER BY revision DESC LIMIT 1
            """
        ).first.map { try TaxRule($0) }
    }

    init(_ row: Row) throws {
        revision = try row.get("revision")
        guard let category = TaxCategory(rawValue: try row.get("category")) else {
            throw LedgerError(.corrupt, "an unknown tax category")
        }
        self.category = category
        rate = try row.get("rate")
        reason = try row.get("reason")
    }

    /// The tax that an account pays on a sum now; nothing when it has no rule.
    package static func tax(
        on amount: Pico,
        of account: AccountSummary,
        in database: Database
    ) async throws(LedgerError) -> Pico {
        guard let base = account.currency.rounded(amount) else { return .zero }
        let rule = try await database.ledgerRead { session in try read(account.id, session) }
        return rule?.tax(on: base).amount.pico(in: account.currency) ?? .zero
    }

    /// The tax on a sum.
    func tax(on base: MinorUnits) -> DocumentTax {
        let amount = Currency.roundedHalfToEven(Int128(base.count) * Int128(rate), 100_000) ?? 0
        return DocumentTax(
            category: category,
            rate: rate,
            exemptionReason: reason,
            base: base,
            amount: MinorUnits(amount)
        )
    }
}
