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
            try session.transaction { session in
                // Rows are wanted by their keys: months and quarters long past are many.
                try session.script("SET LOCAL enable_seqscan = off; SET LOCAL jit = off")
                return try session.execute(query(condition)).map { try SpendOverview($0) }
            }
        }
    }

    /// Months are read of what documents are made of, and days of the account's zone as reports
    /// read them: of days where they are kept, else of quarters of an hour; of the day that a week
    /// ago cuts always of these.
    private static func query(_ condition: SQL) -> SQL {
        """
        WITH live AS MATERIALIZED (
            SELECT projection, build FROM projections WHERE state = 'live'
        ), asked AS MATERIALIZED (
            SELECT account_id, slug, currency, status, balance, escrowed + reserved AS held,
                this_day, date_trunc('month', this_day)::date AS this_month,
                this_day::timestamp AT TIME ZONE time_zone AS day_at,
                (this_day - 6)::timestamp AT TIME ZONE time_zone AS whole_at,
                now() - interval '7 days' AS week_at,
                EXISTS (SELECT FROM projection_checkpoints AS checkpoints JOIN live
                    USING (projection, build) WHERE checkpoints.account_id = accounts.account_id
                        AND projection = \(Projection.usage)
                        AND version >= \(ProjectionTable.longStream)) AS is_long
            FROM accounts JOIN account_heads USING (account_id)
                CROSS JOIN LATERAL (SELECT (now() AT TIME ZONE time_zone)::date AS this_day)
                    AS clock
            WHERE \(condition)
        )
        SELECT slug, currency, status, balance, held, months.*, days.*
        FROM asked CROSS JOIN LATERAL (
            SELECT coalesce(sum(charge_pico) FILTER (WHERE service_month = this_month), 0) AS month,
                coalesce(sum(charge_pico) FILTER (WHERE service_month < this_month), 0)
                    AS last_month,
                coalesce(sum(calls) FILTER (WHERE service_month = this_month), 0)::bigint AS calls,
                coalesce(sum(failures) FILTER (WHERE service_month = this_month), 0)::bigint
                    AS failures
            FROM statement_lines
            WHERE account_id = asked.account_id
                AND build = (SELECT build FROM live WHERE projection = \(Projection.statement))
                AND service_month >= (this_month - interval '1 month')::date
        ) AS months CROSS JOIN LATERAL (
            SELECT coalesce(sum(charge_pico) FILTER (WHERE is_today), 0) AS today,
                coalesce(sum(charge_pico), 0) AS week
            FROM (\(spent)) AS parts
        ) AS days
        ORDER BY month DESC, slug
        """
    }

    /// What an account has spent for a week.
    private static let spent: SQL = """
        SELECT charge_pico, day >= this_day AS is_today FROM usage_days
        WHERE is_long AND account_id = asked.account_id AND day > this_day - 7
            AND build = (SELECT build FROM live WHERE projection = \(Projection.usage))
        UNION ALL
        SELECT charge_pico, NOT is_long AND starts_at >= day_at FROM usage_quarter_hours
        WHERE account_id = asked.account_id AND starts_at >= week_at
            AND (NOT is_long OR starts_at < whole_at)
            AND build = (SELECT build FROM live WHERE projection = \(Projection.usage))
        """

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
