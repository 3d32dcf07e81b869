import Billing
import Ledger
import Synchronization

/// Keeps the directory and the prices that every call is decided by as fresh as PostgreSQL's.
///
/// PostgreSQL notifies of changes; a poll backs it up, so that a revocation is known within a
/// second and a lost notification costs no more than that.
package final class SnapshotKeeper: Sendable {
    private static let pollInterval = Duration.seconds(1)
    private static let pruneInterval = Duration.seconds(600)

    private let directoryStore: Directory
    private let priceBook: PriceBook
    private let desk: AdmissionDesk
    private let log: Log
    private let current: Mutex<DirectorySnapshot>

    /// Loads both snapshots for the first time.
    package init(
        directory: Directory,
        priceBook: PriceBook,
        desk: AdmissionDesk,
        log: Log
    ) async throws {
        directoryStore = directory
        self.priceBook = priceBook
        self.desk = desk
        self.log = log
        current = Mutex(try await directory.snapshot())
        desk.adopt(try await priceBook.load())
    }

    /// Keys and accounts as of a moment ago.
    package var directory: DirectorySnapshot { current.withLock(\.self) }

    /// Follows the changes until cancelled; an element says that something may have changed.
    package func run(_ changes: AsyncStream<Void>) async {
        await withDiscardingTaskGroup { group in
            group.addTask {
                for await _ in changes { await self.refresh() }
            }
            group.addTask {
                while !Task.isCancelled {
                    try? await Task.sleep(for: Self.pollInterval)
                    await self.refresh()
                }
            }
            group.addTask {
                while !Task.isCancelled {
                    try? await Task.sleep(for: Self.pruneInterval)
                    // One that fails leaves it to the next, or to another instance.
                    try? await self.directoryStore.forgetOldChanges()
                }
            }
        }
    }

    /// Reads what has changed; a database that is away leaves what is known in force.
    private func refresh() async {
        do {
            let snapshot = try await directoryStore.refreshed(directory)
            // Read later and adopted first: an account's plan is never one without prices.
            desk.adopt(try await priceBook.load(reusing: desk.snapshot))
            // Two reads may overtake each other.
            current.withLock { if snapshot.isNewer(than: $0) { $0 = snapshot } }
        } catch {
            log.debug("snapshots cannot be refreshed", ["error": .text("\(error)")])
        }
    }
}
