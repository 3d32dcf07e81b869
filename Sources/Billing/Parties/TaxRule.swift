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
    /// From when on it holds; nil for a rule that holds once it is recorded.
    package var effectiveAt: Instant?

    package init(
        category: TaxCategory,
        rate: Int64,
        reason: String?,
        effectiveAt: Instant? = nil
    ) {
        self.category = category
        self.rate = rate
        self.reason = reason
        self.effectiveAt = effectiveAt
    }

    /// The tax that an account pays on a sum now; nothing when it has no rule.
    package static func tax(
        on amount: Pico,
        of account: AccountSummary,
        at now: Instant,
        in database: Database
    ) async throws(LedgerError) -> Pico {
        guard let base = account.currency.rounded(amount) else { return .zero }
        let rule = try await database.ledgerRead { session in
            try inForce(account.id, at: now, session)
        }
        return rule?.tax(on: base).amount.pico(in: account.currency) ?? .zero
    }

    /// The rule of a month's document: what was delivered in the month is taxed as at its end,
    /// whenever it is closed.
    static func inForce(
        _ account: AccountID,
        atEndOf month: MonthCalendar.Bounds,
        _ session: Session
    ) throws -> TaxRule? {
        let last = Instant(microseconds: month.endsAt.microseconds - 1)
        return try inForce(account, at: last, session)
    }

    /// The rule that an account has at an instant: the last that holds by then, and of those from
    /// one instant the newest; the next one where none holds yet.
    static func inForce(
        _ account: AccountID,
        at instant: Instant,
        _ session: Session
    ) throws -> TaxRule? {
        try session.executePrepared(
            """
            SELECT * FROM tax_rules WHERE account_id = \(account)
            ORDER BY effective_at <= \(instant) DESC, greatest(effective_at - \(instant),
                \(instant) - effective_at), revision DESC
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
        effectiveAt = try row.get("effective_at")
    }

    /// Adds it as the next revision; where it is not dated, it holds from now on, and the newest one
    /// that says the same is returned instead.
    func added(to account: AccountID, from now: Instant, _ session: Session) throws -> TaxRule {
        var dated = self
        if effectiveAt == nil {
            let newest = try Self.read(account, session)
            dated.effectiveAt = newest?.effectiveAt.map { min($0, now) } ?? now
            dated.revision = newest?.revision ?? 0
            if let newest, dated == newest { return newest }
            dated.effectiveAt = now
        }
        return try dated.added(to: account, at: now, session)
    }

    func insert(of owner: AccountID, at now: Instant, _ session: Session) throws {
        _ = try session.execute(
            """
            INSERT INTO tax_rules (account_id, revision, category, rate, reason, created_at,
                effective_at)
            VALUES (\(owner), \(revision), \(category.rawValue), \(rate), \(reason), \(now),
                \(effectiveAt ?? now))
            """
        )
    }
}
