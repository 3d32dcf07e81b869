import Postgres
import Schema

/// Brings the checkpoint of an account's open months to the head of its stream, page by page, in
/// transactions that lock nothing.
///
/// A close folds what is behind the checkpoint while calls wait for the head's lock: this has to
/// be all but nothing, however long the stream is.
package struct PeriodCatchUp: Sendable {
    private let database: Database
    private let pageSize: Int64

    package init(_ database: Database, pageSize: Int64 = 5_000) {
        self.database = database
        self.pageSize = pageSize
    }

    /// A task that is cancelled stops behind a page, whose checkpoint stays.
    ///
    /// - Parameter now: the instant that months are reckoned to.
    package func run(_ slug: String, at now: Instant) async throws(LedgerError) {
        var isDone = false
        while !isDone {
            guard !Task.isCancelled else {
                throw LedgerError(.unavailable, "cancelled before a page was read")
            }
            isDone = try await step(slug, at: now)
        }
    }

    /// Moves on by a page; true when that reached the head as it was.
    private func step(_ slug: String, at now: Instant) async throws(LedgerError) -> Bool {
        try await database.ledgerCommand { [pageSize] session in
            let account = try AccountSummary.read(slug: slug, session)
            guard account.version > 0 else { return true }
            let calendar = try MonthCalendar(of: account.id, through: now, session)
            return try PeriodStore(session, pageSize: pageSize)
                .catchUp(account.id, to: account.version, calendar)
        }
    }
}
