import Postgres
import Schema

/// Reads an account's stream as its books have it, page by page, so that memory stays flat.
///
/// Events never change, so pages that are read one after the other are of one state.
package struct BookReader: Sendable {
    package let account: AccountSummary
    /// Whether the month that it was opened for is closed: then its books change no more.
    package let isClosed: Bool
    /// The zone of its days: of a closed month, the one that it was closed in.
    package let timeZone: String
    package private(set) var fold = BookFold()
    private let database: Database
    private let calendar: MonthCalendar
    /// The last version that can be in the month.
    private let last: Int64
    private let pageSize: Int64

    /// Begins with an account's first event, to read what a month and those before it have.
    ///
    /// - Parameter now: the instant that months are reckoned to.
    package static func open(
        _ slug: String,
        _ month: Month,
        at now: Instant,
        _ database: Database,
        pageSize: Int64 = 5_000
    ) async throws(LedgerError) -> BookReader {
        try await database.ledgerRead { session in
            let account = try AccountSummary.read(slug: slug, session)
            let closed = try session.execute(
                """
                SELECT closing_version, time_zone
                FROM periods JOIN documents USING (account_id, month)
                WHERE account_id = \(account.id) AND month = \(month.firstDay)::date
                """
            ).first
            let closing = try closed?.get("closing_version", as: Int64.self)
            return BookReader(
                account: account,
                isClosed: closing != nil,
                timeZone: try closed?.get("time_zone", as: String.self) ?? account.timeZone,
                database: database,
                calendar: try MonthCalendar(of: account.id, through: now, session),
                last: closing ?? account.version,
                pageSize: pageSize
            )
        }
    }

    private init(
        account: AccountSummary,
        isClosed: Bool,
        timeZone: String,
        database: Database,
        calendar: MonthCalendar,
        last: Int64,
        pageSize: Int64
    ) {
        self.account = account
        self.isClosed = isClosed
        self.timeZone = timeZone
        self.database = database
        self.calendar = calendar
        self.last = last
        self.pageSize = pageSize
    }

    /// A month's bounds; nil for one that its books do not reach.
    package func bounds(of month: Month) -> MonthCalendar.Bounds? { calendar.bounds(of: month) }

    /// The month that an instant is in.
    package func month(of instant: Instant) -> Month { calendar.month(of: instant) }

    /// The next events; nil behind the last.
    package mutating func next() async throws(LedgerError) -> [BookedEvent]? {
        guard fold.version < last else { return nil }
        let page = try await database.ledgerRead { [self] session in
            var fold = fold
            let events = try read(session).map { entry, other in
                fold.apply(entry, other, calendar)
            }
            guard !events.isEmpty else {
                throw LedgerError(.corrupt, "the stream ends before version \(last)")
            }
            return (events: events, fold: fold)
        }
        fold = page.fold
        return page.events
    }

    /// The calls among some versions, whole and in order.
    package func calls(
        _ versions: ClosedRange<Int64>
    ) async throws(LedgerError) -> [RecordedEvent] {
        let account = account.id
        return try await database.ledgerRead { session in
            try session.execute(
                """
                SELECT \(EventRow.columns) FROM events
                WHERE account_id = \(account) AND kind = 'usage'
                    AND version BETWEEN \(versions.lowerBound) AND \(versions.upperBound)
                ORDER BY version
                """
            ).map { try EventRow($0).recorded }
        }
    }

    private func read(_ session: Session) throws -> [(PeriodEntry, BookedEvent.Other?)] {
        let rows = try session.execute(
            """
            SELECT version, kind, occurred_at, amount_pico, admitted_at FROM events
            WHERE account_id = \(account.id) AND version > \(fold.version) AND version <= \(last)
            ORDER BY version LIMIT \(pageSize)
            """
        )
        var entries: [(PeriodEntry, BookedEvent.Other?)] = []
        entries.reserveCapacity(rows.count)
        // Calls are by far the most, and all that matters of them is here.
        var others: [Int64: Int] = [:]
        for row in rows {
            let entry = try PeriodEntry(call: row)
            if entry.kind != .usage { others[entry.entry.version] = entries.count }
            entries.append((entry, nil))
        }
        guard !others.isEmpty else { return entries }
        let full = try session.execute(
            """
            SELECT \(EventRow.columns),
                to_char(occurred_at AT TIME ZONE \(timeZone), 'YYYY-MM-DD') AS day
            FROM events
            WHERE account_id = \(account.id) AND version = ANY(\(Array(others.keys)))
            """
        )
        for row in full {
            let recorded = try EventRow(row).recorded
            guard let index = others[recorded.version],
                let day = CalendarDate(try row.get("day", as: String.self))
            else { throw LedgerError(.corrupt, "version \(recorded.version) has no day") }
            entries[index] = (
                PeriodEntry(recorded), BookedEvent.Other(recorded: recorded, day: day)
            )
        }
        return entries
    }
}

extension PeriodEntry {
    /// Reads what a call comes to; of other events this is not all that matters.
    fileprivate init(call row: Row) throws {
        let kind = try row.get("kind", as: EventKind.self)
        let amount = try row.get("amount_pico", as: Pico.self)
        self.init(
            entry: BurnDownEntry(
                version: try row.get("version"),
                occurredAt: try row.get("occurred_at"),
                change: kind == .usage ? .taken(-amount, at: try row.get("admitted_at")) : .nothing
            ),
            kind: kind,
            amount: amount
        )
    }
}
