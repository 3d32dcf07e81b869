import Postgres
import Schema

/// The months of an account as instants.
///
/// A closed month keeps the bounds that it was closed with, whatever zone the account has by now
/// and whatever is known of the zone. PostgreSQL reckons the others, once for a range of months.
package struct MonthCalendar: Hashable, Sendable {
    package struct Bounds: Hashable, Sendable, Codable {
        package let month: Month
        package let startsAt: Instant
        package let endsAt: Instant
    }

    /// Consecutive months, each ending where the next begins.
    private let months: [Bounds]
    /// In which months are reckoned that the calendar does not reach.
    private let timeZone: String
    /// Whether all its months are where their zone has them.
    package private(set) var isReckoned = true

    private init(_ months: [Bounds], _ timeZone: String) {
        self.months = months
        self.timeZone = timeZone
    }

    /// The months of an account from one before its first event to two after an instant.
    ///
    /// No event falls to a month before that of the first one, whatever it says.
    ///
    /// - Parameter closed: the closed months; nil for those that are kept.
    package init(
        of account: AccountID,
        through last: Instant,
        closed: [Bounds]? = nil,
        _ session: Session
    ) throws {
        let rows = try session.executePrepared(
            "SELECT time_zone FROM accounts WHERE account_id = \(account)"
        )
        guard let row = rows.first else { throw LedgerError(.notFound, "no such account") }
        let closed = try closed ?? Self.closed(of: account, session)
        let first = try closed.first?.startsAt ?? Self.firstInstant(of: account, session) ?? last
        let zone = try MonthCalendar(
            in: row.get("time_zone"),
            from: first,
            through: last,
            session
        )
        self = zone.keeping(closed)
    }

    /// The months of a zone from one before an instant to two after another.
    init(
        in zone: String,
        from first: Instant,
        through last: Instant,
        _ session: Session
    ) throws {
        timeZone = zone
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
        ).map { try Bounds($0) }
    }

    /// The same months, but for closed ones, which are where they were.
    ///
    /// The first open month begins where the last closed one ends, so that no instant is between.
    func keeping(_ closed: [Bounds]) -> MonthCalendar {
        guard let last = closed.last else { return self }
        let kept = Dictionary(closed.map { ($0.month, $0) }) { first, _ in first }
        let months = months.map { bounds in
            if let kept = kept[bounds.month] { return kept }
            guard bounds.month == last.month.next else { return bounds }
            return Bounds(month: bounds.month, startsAt: last.endsAt, endsAt: bounds.endsAt)
        }
        var calendar = MonthCalendar(months, timeZone)
        calendar.isReckoned = months == self.months
        return calendar
    }

    /// The bounds that an account's closed months are kept with, in their order.
    package static func closed(of account: AccountID, _ session: Session) throws -> [Bounds] {
        try session.executePrepared(
            """
            SELECT to_char(month, 'YYYY-MM') AS month, starts_at, ends_at FROM periods
            WHERE account_id = \(account) ORDER BY periods.month
            """
        ).map { try Bounds($0) }
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

    /// A month that an instant is not before; the first of all for what lies before the calendar.
    func earliestMonth(of instant: Instant) -> Month {
        guard let first = months.first, first.startsAt <= instant else { return .first }
        return month(of: instant)
    }

    /// Nil for a month that the calendar does not reach.
    package func bounds(of month: Month) -> Bounds? {
        months.first { $0.month == month }
    }

    /// The first day of the month that an instant is in, as an expression of SQL.
    package func firstDay(of instant: SQL) -> SQL {
        """
        coalesce((\(months.map(\.month.firstDay))::date[])[width_bucket(\(instant),
            \(months.map(\.startsAt)))], date_trunc('month', \(instant) AT TIME ZONE
            \(timeZone))::date)
        """
    }
}

extension MonthCalendar.Bounds {
    fileprivate init(_ row: Row) throws {
        guard let month = Month(try row.get("month", as: String.self)) else {
            throw LedgerError(.corrupt, "a month is none")
        }
        self.month = month
        startsAt = try row.get("starts_at")
        endsAt = try row.get("ends_at")
    }

    /// The bounds of months as the events that closed them state them, the first from an instant
    /// on, and each other from the end of the one before.
    package static func all(
        closedBy closes: [PeriodClosed],
        from first: Instant
    ) -> [MonthCalendar.Bounds] {
        var start = first
        return closes.map { closed in
            defer { start = closed.endsAt }
            return Self(month: closed.month, startsAt: start, endsAt: closed.endsAt)
        }
    }
}
