import Postgres
import Schema

/// A grant and what is left of it.
package struct GrantSummary: Hashable, Sendable {
    package let id: GrantID
    package let account: String
    package let kind: CreditGranted.Kind
    package let amount: Pico
    /// What the account's balance still has of it, when grants burn in their order.
    package let remaining: Pico
    package let priority: Int32
    package let expiresAt: Instant?
    package let reference: String?
    package let createdAt: Instant

    static func read(
        _ id: GrantID,
        of account: AccountSummary,
        _ session: Session
    ) throws -> GrantSummary {
        guard let grant = try readAll(of: account, session).first(where: { $0.id == id }) else {
            throw LedgerError(.notFound, "no grant \(id)")
        }
        return grant
    }

    /// All grants of an account in the order in which they burn.
    ///
    /// The balance that is left belongs to those that burn last: a grant has left what the
    /// balance exceeds all that burn after it, at most its amount.
    static func readAll(of account: AccountSummary, _ session: Session) throws -> [GrantSummary] {
        let rows = try session.execute(
            """
            SELECT grants.*, greatest(0, least(amount, greatest(0, balance) - later)) AS remaining
            FROM (
                SELECT grants.*, row_number() OVER burning AS place,
                    sum(amount) OVER burning_after - amount AS later
                FROM grants WHERE account_id = \(account.id)
                WINDOW burning AS (\(unescaped: burning(descending: false))),
                    burning_after AS (\(unescaped: burning(descending: true)))
            ) AS grants JOIN account_heads USING (account_id)
            ORDER BY place
            """
        )
        return try rows.map { row in
            GrantSummary(
                id: try row.get("grant_id"),
                account: account.slug,
                kind: try row.get("kind"),
                amount: try row.get("amount"),
                remaining: try row.get("remaining"),
                priority: try row.get("priority"),
                expiresAt: try row.get("expires_at"),
                reference: try row.get("reference"),
                createdAt: try row.get("created_at")
            )
        }
    }

    /// The total order of burning: priority, sooner expiry, promotional before paid, older, id.
    private static func burning(descending: Bool) -> String {
        let columns = [
            "priority", "coalesce(expires_at, 'infinity')", "kind = 'paid'", "created_at",
            "grant_id",
        ]
        let direction = descending ? " DESC" : ""
        return "ORDER BY " + columns.map { $0 + direction }.joined(separator: ", ")
    }
}
