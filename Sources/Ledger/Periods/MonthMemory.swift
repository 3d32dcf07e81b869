import Postgres
import Schema
import Synchronization

/// The months of time zones that were reckoned once.
///
/// PostgreSQL takes longer for them than for all the rest of a small account's close, and they are
/// the same for every account of a zone, but for those that an account has closed.
package final class MonthMemory: Sendable {
    private struct Reckoned {
        let from: Instant
        let through: Instant
        let calendar: MonthCalendar
    }

    private let zones = Mutex<[String: Reckoned]>([:])

    package init() {}

    /// The months of an account from its first event to two after an instant, and perhaps others.
    package func calendar(
        of account: AccountSummary,
        through last: Instant,
        _ session: Session
    ) throws -> MonthCalendar {
        let closed = try MonthCalendar.closed(of: account.id, session)
        let first =
            try closed.first?.startsAt ?? MonthCalendar.firstInstant(of: account.id, session)
        return try zone(account.timeZone, from: min(first ?? last, last), through: last, session)
            .keeping(closed)
    }

    private func zone(
        _ zone: String,
        from first: Instant,
        through last: Instant,
        _ session: Session
    ) throws -> MonthCalendar {
        let known = zones.withLock { $0[zone] }
        if let known, known.from <= first, last <= known.through { return known.calendar }
        let from = min(first, known?.from ?? first)
        let through = max(last, known?.through ?? last)
        let calendar = try MonthCalendar(in: zone, from: from, through: through, session)
        zones.withLock { $0[zone] = Reckoned(from: from, through: through, calendar: calendar) }
        return calendar
    }
}
