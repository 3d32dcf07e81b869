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
        if !fromEvents, let kept = try checkpoint(of: account, upTo: version) { fold = kept }
        while fold.version < version { try advance(&fold, of: account, to: version, calendar) }
        return fold
    }

    /// Folds one page of events behind the checkpoint, and keeps what comes of it.
    ///
    /// - Returns: whether all events up to the version are folded.
    func catchUp(
        _ account: AccountID,
        to version: Int64,
        _ calendar: MonthCalendar
    ) throws -> Bool {
        var fold = try checkpoint(of: account, upTo: version) ?? PeriodFold()
        guard fold.version < version else { return true }
        try advance(&fold, of: account, to: version, calendar)
        try keep(fold, of: account)
        return fold.version == version
    }

    /// Keeps a fold where it is worth its writing, for whoever reads next.
    ///
    /// It holds nothing that is not in the stream, and can be deleted at any time.
    package func keep(_ fold: PeriodFold, of account: AccountID) throws {
        let kept = try session.execute(
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
        let entries = try readEntries(account, behind: fold.version, upTo: version)
        guard !entries.isEmpty else {
            throw LedgerError(.corrupt, "the stream ends before version \(version)")
        }
        for entry in entries { fold.apply(entry, calendar) }
    }

    private func checkpoint(of account: AccountID, upTo version: Int64) throws -> PeriodFold? {
        let rows = try session.execute(
            """
            SELECT state FROM period_checkpoints
            WHERE account_id = \(account) AND version <= \(version)
            """
        )
        guard let row = rows.first else { return nil }
        let state = try row.get("state", as: String.self)
        return try JSONDecoder().decode(PeriodFold.self, from: Data(state.utf8))
    }

    private func readEntries(
        _ account: AccountID,
        behind version: Int64,
        upTo last: Int64
    ) throws -> [PeriodEntry] {
        let rows = try session.execute(
            """
            SELECT version, kind, occurred_at, amount_pico, admitted_at FROM events
            WHERE account_id = \(account) AND version > \(version) AND version <= \(last)
            ORDER BY version LIMIT \(pageSize)
            """
        )
        var entries: [PeriodEntry] = []
        entries.reserveCapacity(rows.count)
        var others: [Int64: Int] = [:]
        for row in rows {
            let version = try row.get("version", as: Int64.self)
            let kind = try row.get("kind", as: EventKind.self)
            let amount = try row.get("amount_pico", as: Pico.self)
            if kind != .usage { others[version] = entries.count }
            let change: BurnDownEntry.Change =
                kind == .usage
                ? .taken(-amount, at: try row.get("admitted_at")) : .nothing
            entries.append(
                PeriodEntry(
                    entry: BurnDownEntry(
                        version: version,
                        occurredAt: try row.get("occurred_at"),
                        change: change
                    ),
                    kind: kind,
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
        let full = try session.execute(
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
        var effect = Effect.nothing
        if case .periodClosed(let closed) = recorded.event.body { effect = .closed(closed.month) }
        self.init(
            entry: BurnDownEntry(recorded),
            kind: recorded.event.body.kind,
            amount: recorded.amount,
            effect: effect
        )
    }
}
