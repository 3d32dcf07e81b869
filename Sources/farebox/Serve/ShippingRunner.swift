import EventLoop
import Ingress
import Journal
import Synchronization

/// Keeps the journal's events flowing to PostgreSQL, and the journal tidy.
final class ShippingRunner: Service {
    private static let lateInterval = Duration.milliseconds(500)
    private static let pruneInterval = Duration.seconds(60)
    private static let drainInterval = Duration.milliseconds(20)

    let name = "shipper"
    private let shipper: Shipper
    private let settlement: Settlement
    private let journal: Journal
    private let tasks = Mutex<[Task<Void, Never>]>([])

    init(shipper: Shipper, settlement: Settlement, journal: Journal) {
        self.shipper = shipper
        self.settlement = settlement
        self.journal = journal
    }

    func start() async throws {
        let (shipper, settlement) = (shipper, settlement)
        let work = [
            Task { await shipper.run() },
            Task {
                while !Task.isCancelled {
                    try? await Task.sleep(for: Self.lateInterval)
                    await settlement.retryLate()
                }
            },
            Task {
                while !Task.isCancelled {
                    await shipper.prune()
                    try? await Task.sleep(for: Self.pruneInterval)
                }
            },
        ]
        tasks.withLock { $0 = work }
    }

    /// Waits until everything is shipped; what the deadline leaves, the next start ships.
    func stop(by deadline: ContinuousClock.Instant) async {
        while settlement.lateCount + journal.depth.unshippedCount > 0, .now < deadline {
            try? await Task.sleep(for: Self.drainInterval)
        }
        for task in tasks.withLock(\.self) { task.cancel() }
        await journal.close()
    }
}
