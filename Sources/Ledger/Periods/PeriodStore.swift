import Foundation
import Postgres
import Schema

/// Reads the open months of an account: a checkpoint, and the events behind it.
package struct PeriodStore {
    /// Events behind a checkpoint that make a new one worth its writing.
    package static let eventsPerCheckpoint: Int64 = 1_000

    private let session: Session
    /// How many events are read at a time.
    private let pageSize: Int64

    package init(_ session: Session, pageSize: Int64 = 5_000) {
        self.session = session
        self.pageSize = pageSize
    }

    /// The open months at a version of the stream, which must be at or behind its head.
    ///
    /// - Parameter fromEvents: whether to fold the whole stream, whatever checkpoint there is.
    package func read(
        _ account: AccountID,
        at version: Int64,
        _ calendar: MonthCalendar,
        fromEvents: Bool = false
    ) throws -> PeriodFold {
        var fold = PeriodFold()
        if !fromEvents, let kept = try checkpoint(of: account, upTo: version, calendar) {
            fold = kept
        }
        while fold.version < version { try advance(&fold, of: account, to: version, calendar) }
        return fold
    }

    /// Folds the whole stream up to a version, whatever checkpoint there is, and tells of each mark
    /// in it, in order; so all months of an account are remade by one reading.
    ///
    /// - Parameter body: returns whether to go on.
    package func forEachMark(
        of account: AccountID,
        upTo version: Int64,
        _ calendar: MonthCalendar,
        _ body: (Mark) throws -> Bool
    ) throws {
        var fold = PeriodFold()
        while fold.version < version {
            for entry in try readPage(account, behind: fold.version, upTo: version) {
                if let mark = Mark(entry, fold), try !body(mark) { return }
                fold.apply(entry, calendar)
            }
        }
    }

    /// The rounding that an event books; nil where there is no such event.
    package func rounding(of account: AccountID, at version: Int64) throws -> InvoiceRounding? {
        let rows = try session.execute(
            """
            SELECT \(EventRow.columns) FROM events
            WHERE account_id = \(account) AND version = \(version) AND kind = 'rounding'
            """
        )
        guard let row = rows.first,
            case .rounding(let rounding) = try EventRow(row).recorded.event.body
        else { return nil }
        return rounding
    }

    /// Folds one page of events behind the checkpoint, and keeps what comes of it.
    ///
    /// - Returns: whether all events up to the version are folded.
    func catchUp(
        _ account: AccountID,
        to version: Int64,
        _ calendar: MonthCalendar
    ) throws -> Bool {
        var fold = try checkpoint(of: account, upTo: version, calendar) ?? PeriodFold()
        guard fold.version < version else { return true }
        try advance(&fold, of: account, to: version, calendar)
        try keep(fold, of: account)
        return fold.version == version
    }

    /// Keeps a fold where it is worth its writing, for whoever reads next.
    ///
    /// It holds nothing that is not in the stream, and can be deleted at any time.
    package func keep(_ fold: PeriodFold, of account: AccountID) throws {
        let kept = try session.executePrepared(
            "SELECT version FROM period_checkpoints WHERE account_id = \(account)"
        ).first?.get("version", as: Int64.self)
        guard fold.version - (kept ?? 0) >= min(Self.eventsPerCheckpoint, pageSize) else { return }
        let encoder = JSONEncoder()
        encoder.outputFormatting = [.sortedKeys]
        let state = String(decoding: try encoder.encode(fold), as: UTF8.self)
        _ = try session.execute(
            """
            INSERT INTO period_checkpoints (account_id, version, state)
            VALUES (\(account), \(fold.version), \(state))
            ON CONFLICT (account_id) DO UPDATE SET version = excluded.version,
                state = excluded.state
            WHERE period_checkpoints.version < excluded.version
            """
        )
    }

    /// Folds the next page of events.
    private func advance(
        _ fold: inout PeriodFold,
        of account: AccountID,
        to version: Int64,
        _ calendar: MonthCalendar
    ) throws {
        for entry in try readPage(account, behind: fold.version, upTo: version) {
            fold.apply(entry, calendar)
        }
    }

    /// The next page of events, which is never empty.
    private func readPage(
        _ account: AccountID,
        behind version: Int64,
        upTo last: Int64
    ) throws -> [PeriodEntry] {
        let entries = try readEntries(account, behind: version, upTo: last)
        guard !entries.isEmpty else {
            throw LedgerError(.corrupt, "the stream ends before version \(last)")
        }
        return entries
    }

    /// Deletes a checkpoint that was made by another calendar or by another program: whoever reads
    /// next would pass over it, and whoever keeps one would leave it.
    func discardStale(_ account: AccountID, _ calendar: MonthCalendar) throws {
        guard try checkpoint(of: account, upTo: .max, calendar) == nil else { return }
        _ = try session.execute(
            "DELETE FROM period_checkpoints WHERE account_id = \(account)"
        )
    }

    /// Nil where none is kept, or none that could be gone on with.
    private func checkpoint(
        of account: AccountID,
        upTo version: Int64,
        _ calendar: MonthCalendar
    ) throws -> PeriodFold? {
        let rows = try session.executePrepared(
            """
            SELECT state FROM period_checkpoints
            WHERE account_id = \(account) AND version <= \(version)
            """
        )
        guard let row = rows.first else { return nil }
        let state = try row.get("state", as: String.self)
        let fold = try? JSONDecoder().decode(PeriodFold.self, from: Data(state.utf8))
        return fold.flatMap { $0.isReckoned(by: calendar) ? $0 : nil }
    }

    private func readEntries(
        _ account: AccountID,
        behind version: Int64,
        upTo last: Int64
    ) throws -> [PeriodEntry] {
        let rows = try session.executePrepared(
            """
            SELECT version, kind = 'usage' AS is_usage, amount_pico, occurred_at, admitted_at
            FROM events
            WHERE account_id = \(account) AND version > \(version) AND version <= \(last)
            ORDER BY version LIMIT \(pageSize)
            """
        )
        var entries: [PeriodEntry] = []
        entries.reserveCapacity(rows.count)
        var others: [Int64: Int] = [:]
        for row in rows {
            let version = try row.get("version", as: Int64.self)
            let isUsage = try row.get("is_usage", as: Bool.self)
            let amount = try row.get("amount_pico", as: Pico.self)
            let occurredAt = try row.get("occurred_at", as: Instant.self)
            if !isUsage { others[version] = entries.count }
            let change: BurnDownEntry.Change =
                isUsage ? .taken(-amount, at: try row.get("admitted_at")) : .nothing
            entries.append(
                PeriodEntry(
                    entry: BurnDownEntry(version: version, occurredAt: occurredAt, change: change),
                    // Of the others nothing is meant yet: they are read whole.
                    kind: .usage,
                    amount: amount
                )
            )
        }
        try fill(&entries, others, of: account)
        return entries
    }

    /// Reads what is no call whole: its meaning is not in the columns of calls.
    private func fill(
        _ entries: inout [PeriodEntry],
        _ others: [Int64: Int],
        of account: AccountID
    ) throws {
        guard !others.isEmpty else { return }
        let full = try session.executePrepared(
            """
            SELECT \(EventRow.columns) FROM events
            WHERE account_id = \(account) AND version = ANY(\(Array(others.keys)))
            """
        )
        for row in full {
            let recorded = try EventRow(row).recorded
            guard let index = others[recorded.version] else { continue }
            entries[index] = PeriodEntry(recorded)
        }
    }
}

extension PeriodEntry {
    init(_ recorded: RecordedEvent) {
        let effect: Effect =
            switch recorded.event.body {
            case .periodClosed(let closed): .closed(closed)
            case .rounding(let rounding): .rounded(rounding)
            case .creditExpired(let end), .creditVoided(let end): .ended(end.grant)
            case .creditChargedBack(let end): .chargedBack(end.grant, reason: end.reason)
            case .creditAdjusted(let adjustment): .adjusted(reason: adjustment.reason)
            default: .nothing
            }
        self.init(
            entry: BurnDownEntry(recorded),
            kind: recorded.event.body.kind,
            amount: recorded.amount,
            effect: effect
        )
    }
}
