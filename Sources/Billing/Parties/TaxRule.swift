import Ledger
import Postgres
import Schema

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

    /// The rule that an account had at an instant; the first one where it had none yet.
    static func inForce(
        _ account: AccountID,
        at instant: Instant,
        _ session: Session
    ) throws -> TaxRule? {
        try session.executePrepared(
            """
            SELECT * FROM tax_rules WHERE account_id = \(account)
            ORDER BY created_at <= \(instant) DESC,
                CASE WHEN created_at <= \(instant) THEN -revision ELSE revision END
            LIMIT 1
            """
        ).first.map { try TaxRule($0) }
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

extension TaxRule: Revised {
    static let table: SQL = "tax_rules"
    static let ownerColumn: SQL = "account_id"

    init(_ row: Row) throws {
        revision = try row.get("revision")
        guard let category = TaxCategory(rawValue: try row.get("category")) else {
            throw LedgerError(.corrupt, "an unknown tax category")
        }
        self.category = category
        rate = try row.get("rate")
        reason = try row.get("reason")
    }

    func insert(of owner: AccountID, at now: Instant, _ session: Session) throws {
        _ = try session.execute(
            """
            INSERT INTO tax_rules (account_id, revision, category, rate, reason, created_at)
            VALUES (\(owner), \(revision), \(category.rawValue), \(rate), \(reason), \(now))
            """
        )
    }
}
