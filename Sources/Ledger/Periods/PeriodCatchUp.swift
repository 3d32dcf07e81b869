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
    /// - Returns: how many events the account has behind its last closed month.
    @discardableResult
    package func run(_ slug: String, at now: Instant) async throws(LedgerError) -> Int64 {
        let least = min(PeriodStore.eventsPerCheckpoint, pageSize)
        var isChecked = false
        while true {
            guard !Task.isCancelled else {
                throw LedgerError(.unavailable, "cancelled before a page was read")
            }
            let standing = try await standing(slug)
            if standing.open >= least, !isChecked {
                isChecked = true
                try await discardStale(slug, at: now)
                continue
            }
            guard standing.behind >= least else { return standing.open }
            try await step(slug, at: now)
        }
    }

    private func discardStale(_ slug: String, at now: Instant) async throws(LedgerError) {
        try await database.ledgerCommand { session in
            let account = try AccountSummary.read(slug: slug, session)
            let calendar = try MonthCalendar(of: account.id, through: now, session)
            try PeriodStore(session).discardStale(account.id, calendar)
        }
    }

    /// Moves the checkpoint on by a page.
    private func step(_ slug: String, at now: Instant) async throws(LedgerError) {
        try await database.ledgerCommand { [pageSize] session in
            let account = try AccountSummary.read(slug: slug, session)
            let calendar = try MonthCalendar(of: account.id, through: now, session)
            _ = try PeriodStore(session, pageSize: pageSize)
                .catchUp(account.id, to: account.version, calendar)
        }
    }

    private struct Standing: Sendable {
        /// Events behind the checkpoint.
        let behind: Int64
        /// Events behind the last closed month.
        let open: Int64
    }

    private func standing(_ slug: String) async throws(LedgerError) -> Standing {
        try await database.ledgerRead { session in
            let rows = try session.execute(
                """
                SELECT heads.version - coalesce(checkpoints.version, 0) AS behind,
                    heads.version - coalesce((SELECT max(closing_version) FROM periods
                        WHERE periods.account_id = heads.account_id), 0) AS open
                FROM accounts JOIN account_heads AS heads USING (account_id)
                    LEFT JOIN period_checkpoints AS checkpoints USING (account_id)
                WHERE slug = \(slug)
                """
            )
            guard let row = rows.first else { throw LedgerError(.notFound, "no account \(slug)") }
            return Standing(behind: try row.get("behind"), open: try row.get("open"))
        }
    }
}
