import Postgres
import Schema

/// The days of an account's zone that a report has as a whole, of a stream that sums by days are
/// kept of.
struct WholeDays: Hashable, Sendable {
    /// Where they begin and end; nil for all from the stream's beginning, or to its end.
    let from: Bound?
    let to: Bound?

    /// A day, as PostgreSQL writes it, and its first instant.
    struct Bound: Hashable, Sendable {
        let day: String
        let startsAt: Instant
    }

    /// Nil where no day is in the span as a whole, or where none is kept.
    init?(of account: AccountID, from: Instant?, to: Instant?, _ session: Session) throws {
        let row = try session.execute(
            """
            SELECT first.day::text AS first_day, first_instant(first.day, time_zone) AS first_at,
                next.day::text AS next_day, first_instant(next.day, time_zone) AS next_at
            FROM accounts JOIN projection_checkpoints USING (account_id)
                JOIN projections USING (projection, build)
                CROSS JOIN LATERAL (SELECT (\(from)::timestamptz AT TIME ZONE time_zone)::date
                    AS day) AS begun
                CROSS JOIN LATERAL (SELECT CASE WHEN first_instant(begun.day, time_zone) < \(from)
                    THEN begun.day + 1 ELSE begun.day END AS day) AS first
                CROSS JOIN LATERAL (SELECT (\(to)::timestamptz AT TIME ZONE time_zone)::date
                    AS day) AS next
            WHERE account_id = \(account) AND projection = \(Projection.usage)
                AND state = 'live' AND projections.version = \(Projection.usage.version)
                AND projection_checkpoints.version >= \(ProjectionTable.longStream)
            """
        ).first
        guard let row else { return nil }
        self.from = try Bound(row, "first")
        self.to = try Bound(row, "next")
        if let first = self.from, let next = self.to, first.startsAt >= next.startsAt {
            return nil
        }
    }
}

extension WholeDays.Bound {
    fileprivate init?(_ row: Row, _ name: String) throws {
        guard let day = try row.get("\(name)_day", as: String?.self),
            let startsAt = try row.get("\(name)_at", as: Instant?.self)
        else { return nil }
        (self.day, self.startsAt) = (day, startsAt)
    }
}
