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
    ///
    /// No event falls to a month before that of the first one, whatever it says.
    package init(of account: AccountID, through last: Instant, _ session: Session) throws {
        let rows = try session.executePrepared(
            "SELECT time_zone FROM accounts WHERE account_id = \(account)"
        )
        guard let row = rows.first else { throw LedgerError(.notFound, "no such account") }
        let first = try Self.firstInstant(of: account, session) ?? last
        try self.init(in: row.get("time_zone"), from: first, through: last, session)
    }

    /// The months of a zone from one before an instant to two after another.
    init(
        in zone: String,
        from first: Instant,
        through last: Instant,
        _ session: Session
    ) throws {
        months = try session.execute(
            """
            SELECT to_char(month, 'YYYY-MM') AS month,
                first_instant(month::date, \(zone)) AS starts_at,
                first_instant((month + interval '1 month')::date, \(zone)) AS ends_at
            FROM generate_series(
                date_trunc('month', \(min(first, last))::timestamptz AT TIME ZONE 'UTC')
                    - interval '1 month',
                date_trunc('month', \(last)::timestamptz AT TIME ZONE 'UTC')
                    + interval '3 months', interval '1 month') AS month
            ORDER BY month
            """
        ).map { row in
            Bounds(
                month: Month(try row.get("month", as: String.self)) ?? .first,
                startsAt: try row.get("starts_at"),
                endsAt: try row.get("ends_at")
            )
        }
    }

    /// When the first event of a stream occurred.
    static func firstInstant(of account: AccountID, _ session: Session) throws -> Instant? {
        try session.executePrepared(
            "SELECT occurred_at FROM events WHERE account_id = \(account) AND version = 1"
        ).first?.get("occurred_at", as: Instant.self)
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
