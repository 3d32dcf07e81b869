import Ledger
import Postgres
import Schema

/// The usage of a first open month as it was at a version of the stream, read before the head is
/// locked: what has come since is all that remains to be read while calls wait.
struct ReadUsage: Sendable {
    /// Events of open months from which on it is worth a reading of its own.
    static let eventsMin: Int64 = 10_000

    private let month: Month
    private let version: Int64
    private let rows: [UsageRow]

    /// - Parameters:
    ///   - fold: what is open at the version up to which it is read.
    ///   - bounds: those of the first open month.
    init(
        _ fold: PeriodFold,
        _ bounds: MonthCalendar.Bounds,
        of account: AccountID,
        _ calendar: MonthCalendar,
        _ session: Session
    ) throws {
        month = bounds.month
        version = fold.version
        rows = try UsageRow.read(
            DocumentPeriod(
                month: bounds.month,
                startsAt: bounds.startsAt,
                endsAt: bounds.endsAt,
                closingVersion: version
            ),
            of: account,
            from: fold.month(month).earliest,
            isFirstOpen: true,
            fromEvents: false,
            calendar,
            session
        )
    }

    /// With what has come since, in rows of their own; nil for another month.
    func rows(
        for period: DocumentPeriod,
        of account: AccountID,
        _ calendar: MonthCalendar,
        _ session: Session
    ) throws -> [UsageRow]? {
        guard period.month == month, period.closingVersion >= version else { return nil }
        return rows + (try UsageRow.read(period, of: account, behind: version, calendar, session))
    }
}
