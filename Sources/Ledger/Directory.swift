import Digest
import Postgres
import Schema

/// Reads the snapshot of accounts and keys that instances authenticate by, and keeps it up to date
/// by what has changed.
package struct Directory: Sendable {
    /// The channel that is notified when a key or an account has changed.
    package static let channel = "farebox_directory"

    /// How long changes are kept.
    ///
    /// A snapshot that is older is read anew as a whole.
    private static let changesKeptMinutes = 60

    private let database: Database

    package init(_ database: Database) {
        self.database = database
    }

    /// Reads everything as of one instant.
    package func snapshot() async throws(LedgerError) -> DirectorySnapshot {
        do {
            return try await database.transaction(.repeatableRead) { session in
                let reader = DirectoryReader(session)
                return DirectorySnapshot(
                    accounts: try reader.accounts(),
                    keys: KeyTable(try reader.keys()),
                    position: try reader.position()
                )
            }
        } catch {
            throw LedgerError(error)
        }
    }

    /// A snapshot with what has changed since; the same one when nothing has.
    package func refreshed(
        _ snapshot: DirectorySnapshot
    ) async throws(LedgerError) -> DirectorySnapshot {
        let changed: DirectorySnapshot?
        do {
            changed = try await database.transaction(.repeatableRead) { session in
                let reader = DirectoryReader(session)
                let position = try reader.position()
                guard position.continues(snapshot.position, within: Self.changesKeptMinutes) else {
                    return nil
                }
                return snapshot.applying(try reader.changes(since: snapshot.position), position)
            }
        } catch {
            throw LedgerError(error)
        }
        if let changed { return changed }
        return try await self.snapshot()
    }

    /// Deletes changes that no snapshot goes on from.
    package func forgetOldChanges() async throws(LedgerError) {
        do {
            try await database.transaction { session in
                _ = try session.execute(
                    """
                    DELETE FROM directory_changes
                    WHERE changed_at < now() - make_interval(mins => \(Self.changesKeptMinutes)::int)
                    """
                )
            }
        } catch {
            throw LedgerError(error)
        }
    }
}

/// From where a snapshot goes on: PostgreSQL's transactions and its clock when it was read.
struct DirectoryPosition: Hashable, Sendable {
    /// The oldest transaction that still ran: every older one is in the snapshot or never will be.
    let oldestRunning: Int64
    let readAt: Instant

    /// Whether what has changed since an earlier position is still to be had.
    ///
    /// Not when it is too long ago; and not when transactions are numbered lower than before, as
    /// in a database that was restored from a dump.
    func continues(_ earlier: DirectoryPosition, within minutes: Int) -> Bool {
        let half = earlier.readAt.adding(seconds: Int64(minutes) * 30)
        return oldestRunning >= earlier.oldestRunning && readAt < half
    }
}
