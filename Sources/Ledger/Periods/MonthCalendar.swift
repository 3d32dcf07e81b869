import Postgres
import Schema

/// The months of a time zone as instants, computed once by PostgreSQL for a range of months.
package struct MonthCalendar: Hashable, Sendable {
    package struct Bounds: Hashable, Sendable {
        package let month: Month
        package let startsAt: Instant
        package let endsAt: Instant
    }

    /// Consecutive months.
    private let months: [Bounds]

    init(_ months: [Bounds]) {
        self.months = months
    }

    /// The months of an account's zone from one before its first event to two after an instant.
    package init(of account: AccountID, through last: Instant, _ session: Session) throws {
        let rows = try session.execute(
            """
            WITH span AS (
                SELECT time_zone, least((SELECT min(occurred_at) FROM (
                        SELECT occurred_at FROM events WHERE account_id = \(account)
                        ORDER BY version LIMIT 1000) AS early), \(last)) AS first
                FROM accounts WHERE account_id = \(account)
            )
            SELECT to_char(month, 'YYYY-MM') AS month,
                first_instant(month::date, time_zone) AS starts_at,
                first_instant((month + interval '1 month')::date, time_zone) AS ends_at
            FROM span, generate_series(
                date_trunc('month', first AT TIME ZONE 'UTC') - interval '1 month',
                date_trunc('month', \(last)::timestamptz AT TIME ZONE 'UTC')
                    + interval '3 months', interval '1 month') AS month
            ORDER BY month
            """
        )
        months = try rows.map { row in
            Bounds(
                month: Month(try row.get("month", as: String.self)) ?? .first,
                startsAt: try row.get("starts_at"),
                endsAt: try row.get("ends_at")
            )
        }
        guard !months.isEmpty else { throw LedgerError(.notFound, "no such account") }
    }

    /// The month that an instant is in; the first or the last one for what lies beyond.
    package func month(of instant: Instant) -> Month {
        var (low, high) = (0, months.count)
        while low < high {
            let middle = (low + high) / 2
            if months[middle].startsAt <= instant { low = middle + 1 } else { high = middle }
        }
        return months[max(low - 1, 0)].month
    }

    /// Nil for a month that the calendar does not reach.
    package func bounds(of month: Month) -> Bounds? {
        months.first { $0.month == month }
    }
}
