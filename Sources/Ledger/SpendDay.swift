import Postgres
import Schema

/// A calendar day of an account's time zone, in which calls were admitted that count for a cap.
struct SpendDay: Hashable, Sendable {
    let startsAt: Instant
    let endsAt: Instant
    let monthStartsAt: Instant

    init(_ row: Row) throws(PostgresError) {
        startsAt = try row.get("starts_at")
        endsAt = try row.get("ends_at")
        monthStartsAt = try row.get("month_starts_at")
    }

    /// Days begin on quarters of an hour, so all instants of one quarter are in the same day.
    static func quarter(of instant: Instant) -> Instant {
        let quarter: Int64 = 900_000_000
        let (quotient, remainder) = instant.microseconds.quotientAndRemainder(dividingBy: quarter)
        return Instant(microseconds: (remainder < 0 ? quotient - 1 : quotient) * quarter)
    }

    /// The day that `wanted.at` lies in, for `wanted.scope_id` of an account of `accounts`.
    ///
    /// The bounds that are kept; those of a day without a row are computed, and only then.
    static let covering: SQL = """
        SELECT starts_at, ends_at, month_starts_at FROM (
            SELECT starts_at, ends_at, month_starts_at FROM spend_days
            WHERE spend_days.account_id = accounts.account_id
                AND spend_days.scope_id = wanted.scope_id AND starts_at <= wanted.at
            ORDER BY starts_at DESC LIMIT 1
        ) AS kept WHERE ends_at > wanted.at
        UNION ALL
        SELECT starts_at, ends_at, month_starts_at FROM spend_day(wanted.at, accounts.time_zone)
        LIMIT 1
        """
}
