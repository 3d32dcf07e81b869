import Postgres
import Schema
import Synchronization

/// The months of time zones that were reckoned once.
///
/// PostgreSQL takes longer for them than for all the rest of a small account's close, and they are
/// the same for every account of a zone.
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
        let first = min(try MonthCalendar.firstInstant(of: account.id, session) ?? last, last)
        let known = zones.withLock { $0[account.timeZone] }
        if let known, known.from <= first, last <= known.through { return known.calendar }
        let from = min(first, known?.from ?? first)
        let through = max(last, known?.through ?? last)
        let calendar = try MonthCalendar(
            in: account.timeZone,
            from: from,
            through: through,
            session
        )
        zones.withLock {
            $0[account.timeZone] = Reckoned(from: from, through: through, calendar: calendar)
        }
        return calendar
    }
}
