import Billing
import Ledger
import Synchronization

/// Keeps the directory and the prices that every call is decided by as fresh as PostgreSQL's.
///
/// PostgreSQL notifies of changes; a poll backs it up, so that a revocation is known within a
/// second and a lost notification costs no more than that.
package final class SnapshotKeeper: Sendable {
    private static let pollInterval = Duration.seconds(1)
    /// A poll waits this many times as long as the last one took: a large directory costs little.
    private static let pollRest = 20

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
                var rest = Self.pollInterval
                while !Task.isCancelled {
                    try? await Task.sleep(for: rest)
                    let start = ContinuousClock.now
                    await self.refresh()
                    rest = max(Self.pollInterval, (.now - start) * Self.pollRest)
                }
            }
        }
    }

    /// Reads what has changed; a database that is away leaves what is known in force.
    private func refresh() async {
        do {
            let snapshot = try await directoryStore.snapshot()
            current.withLock { $0 = snapshot }
            desk.adopt(try await priceBook.load(reusing: desk.snapshot))
        } catch {
            log.debug("snapshots cannot be refreshed", ["error": .text("\(error)")])
        }
    }
}
