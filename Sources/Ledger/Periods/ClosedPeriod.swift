import Postgres
import Schema

/// A closed month of an account, and by it which events are on the month's document.
package struct ClosedPeriod: Hashable, Sendable {
    package let account: AccountID
    package let month: Month
    package let startsAt: Instant
    package let endsAt: Instant
    /// The last version that is in it.
    package let closingVersion: Int64
    /// What the month before had taken; nil for an account's first.
    private let before: Before?

    private struct Before: Hashable {
        let endsAt: Instant
        let closingVersion: Int64
    }

    /// Throws `.notFound` for a month that is not closed.
    package init(_ month: Month, of account: AccountID, _ session: Session) throws {
        let rows = try session.execute(
            """
            SELECT starts_at, ends_at, closing_version, month = \(month.firstDay)::date AS is_wanted
            FROM periods WHERE account_id = \(account) AND month <= \(month.firstDay)::date
            ORDER BY month DESC LIMIT 2
            """
        )
        guard let row = rows.first, try row.get("is_wanted") else {
            throw LedgerError(.notFound, "the month \(month) is not closed")
        }
        self.account = account
        self.month = month
        startsAt = try row.get("starts_at")
        endsAt = try row.get("ends_at")
        closingVersion = try row.get("closing_version")
        before = try rows.dropFirst().first.map { row in
            Before(
                endsAt: try row.get("ends_at"),
                closingVersion: try row.get("closing_version")
            )
        }
    }

    /// Which events stand on the document, as a condition on `events`: those that occurred before
    /// the month's end, up to the closing version, less those of all months before.
    ///
    /// Both bounds grow from month to month, so the month before speaks for all the earlier ones.
    package var condition: SQL {
        let taken: SQL =
            before.map { before in
                """
                AND (events.version > \(before.closingVersion)
                    OR events.occurred_at >= \(before.endsAt))
                """
            } ?? ""
        return """
            events.account_id = \(account) AND events.version <= \(closingVersion)
                AND events.occurred_at < \(endsAt) \(taken)
            """
    }

    /// The month's calls behind a version, in order; none at their end.
    package func calls(
        behind version: Int64,
        limit: Int64,
        _ session: Session
    ) throws -> [RecordedEvent] {
        try session.execute(
            """
            SELECT \(EventRow.columns) FROM events
            WHERE \(condition) AND kind = 'usage' AND events.version > \(version)
            ORDER BY events.version LIMIT \(limit)
            """
        ).map { try EventRow($0).recorded }
    }
}

extension Month {
    /// As PostgreSQL reads a date: `2026-11-01`.
    package var firstDay: String { "\(description)-01" }
}
