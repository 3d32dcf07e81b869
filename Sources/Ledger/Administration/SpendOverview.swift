import Postgres
import Schema

/// What accounts have spent of late, at a glance: from the projection, seconds behind at most.
package struct SpendOverview: Hashable, Sendable {
    package let account: String
    package let currency: Currency
    package let status: AccountSummary.Status
    package let balance: Pico
    package let held: Pico
    /// Today and this month so far, and the whole month before, in the account's time zone.
    package let today: Pico
    package let month: Pico
    package let lastMonth: Pico
    /// Of this month.
    package let calls: Int64
    package let failures: Int64
    /// What the last seven days cost, by which a balance's runway is reckoned.
    package let week: Pico

    /// How many days the balance lasts at the pace of the last seven days; nil when nothing was
    /// spent.
    package var runwayDays: Int64? {
        guard week > .zero else { return nil }
        return Int64(clamping: balance.clampedToZero.units * 7 / week.units)
    }

    /// Of all accounts, those that spent most this month first.
    ///
    /// - Parameter account: the slug of the only one that is wanted.
    package static func read(
        _ database: Database,
        of account: String? = nil
    ) async throws(LedgerError) -> [SpendOverview] {
        let condition: SQL = account.map { "accounts.slug = \($0)" } ?? "true"
        return try await database.ledgerRead { session in
            try session.execute(
                """
                SELECT accounts.slug, currency, status, balance, escrowed + reserved AS held,
                    coalesce(sum(charge_pico) FILTER (WHERE starts_at >= day), 0) AS today,
                    coalesce(sum(charge_pico) FILTER (WHERE starts_at >= month), 0) AS month,
                    coalesce(sum(charge_pico) FILTER (WHERE starts_at < month), 0) AS last_month,
                    coalesce(sum(charge_pico) FILTER (WHERE starts_at >= week), 0) AS week,
                    coalesce(sum(calls) FILTER (WHERE starts_at >= month), 0)::bigint AS calls,
                    coalesce(sum(failures) FILTER (WHERE starts_at >= month), 0)::bigint
                        AS failures
                FROM accounts JOIN account_heads USING (account_id)
                    CROSS JOIN LATERAL (SELECT
                        date_trunc('day', now(), time_zone) AS day,
                        date_trunc('month', now(), time_zone) AS month,
                        date_trunc('month', now() AT TIME ZONE time_zone - interval '1 month')
                            AT TIME ZONE time_zone AS last_month,
                        now() - interval '7 days' AS week) AS spans
                    LEFT JOIN usage_quarter_hours AS usage
                        ON usage.account_id = accounts.account_id
                        AND starts_at >= last_month
                        AND build = (SELECT build FROM projections
                            WHERE projection = \(Projection.usage) AND state = 'live')
                WHERE \(condition)
                GROUP BY accounts.slug, currency, status, balance, escrowed, reserved
                ORDER BY month DESC, accounts.slug
                """
            ).map { try SpendOverview($0) }
        }
    }

    private init(_ row: Row) throws(PostgresError) {
        account = try row.get("slug")
        currency = try row.get("currency")
        status = try row.get("status")
        balance = try row.get("balance")
        held = try row.get("held")
        today = try row.get("today")
        month = try row.get("month")
        lastMonth = try row.get("last_month")
        week = try row.get("week")
        calls = try row.get("calls")
        failures = try row.get("failures")
    }
}
