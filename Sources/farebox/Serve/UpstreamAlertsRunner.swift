import EventLoop
import Ingress
import Ledger
import Postgres
import Schema
import Synchronization

/// Looks every second at which upstreams get no calls, and has that told.
final class UpstreamAlertsRunner: Service {
    private static let interval = Duration.seconds(1)

    let name = "upstream alerts"
    private let board: UpstreamBoard
    private let database: Database
    private let instance: String
    private let log: Log
    private let now: @Sendable () -> Instant
    private let running = Mutex<Task<Void, Never>?>(nil)

    init(
        board: UpstreamBoard,
        database: Database,
        instance: String,
        log: Log,
        now: @escaping @Sendable () -> Instant
    ) {
        self.board = board
        self.database = database
        self.instance = instance
        self.log = log
        self.now = now
    }

    func start() async throws {
        let task = Task {
            var watch = UpstreamWatch()
            while !Task.isCancelled {
                watch = await look(watch)
                try? await Task.sleep(for: Self.interval)
            }
        }
        running.withLock { $0 = task }
    }

    func stop(by deadline: ContinuousClock.Instant) async {
        let task = running.withLock(\.self)
        task?.cancel()
        await task?.value
    }

    /// What has been told then; the same as before when it could not be.
    private func look(_ told: UpstreamWatch) async -> UpstreamWatch {
        var watch = told
        let changes = watch.look(board.statuses().map { ($0.name, $0.circuit) })
        let (instance, instant) = (instance, now())
        do {
            let alerts = changes.map { $0.alert(of: instance, at: instant) }
            try await AlertOutbox.write(alerts, in: database)
            return watch
        } catch {
            log.debug("an alert waits for the database", ["error": .text("\(error)")])
            return told
        }
    }
}
