import Ledger
import Postgres
import Schema

/// Who issues documents, whom they are for, and how they are taxed.
///
/// Every change is a new revision, for documents that were issued by an older one rest on it; the
/// same again changes nothing.
package struct BillingParties: Sendable {
    private let database: Database

    package init(_ database: Database) {
        self.database = database
    }

    /// Records an issuer's name, address, series and terms, as a whole.
    ///
    /// - Throws: `.conflict` when another issuer numbers documents in that series; `.invalid` for a
    ///   logo that cannot be set.
    package func setIssuer(
        _ issuer: Issuer,
        at now: Instant
    ) async throws(LedgerError) -> Issuer {
        try issuer.logo?.require()
        return try await database.ledgerCommand { session in
            try Issuer.lock(session)
            try issuer.requireOwnSeries(session)
            return try issuer.added(to: issuer.slug, at: now, session)
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
        try await database.ledgerCommand { session in
            let account = try AccountSummary.lock(slug: slug, session)
            let present = try BillingProfile.read(account.id, session)
            let issuers = try Issuer.all(session)
            guard let name = issuer ?? present?.issuer ?? issuers.first?.slug else {
                throw LedgerError(.refused, "there is no issuer yet: farebox issuer create")
            }
            guard issuers.contains(where: { $0.slug == name }) else {
                throw LedgerError(.notFound, "no issuer \(name)")
            }
            return try BillingProfile(issuer: name, party: party)
                .added(to: account.id, at: now, session)
        }
    }

    /// Records how an account's documents are taxed from now on, or from the instant that the rule
    /// states: one that was wrong is corrected by another from the same instant on, as long as what
    /// it should have taxed is not on a document.
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
            return try rule.added(to: account.id, from: now, session)
        }
    }

    /// The newest rule of each account that has one, by slug.
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
}
