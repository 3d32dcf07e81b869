import EventLoop
import Ingress
import Ledger
import Postgres
import Schema
import Synchronization

/// Ends late what the database could not be told at once, and forgets keyed calls after a day.
///
/// The calls have connections of their own, so that they wait for nobody else's.
final class KeyedCallsRunner: Service {
    private static let connectionsMax = 4
    private static let retryInterval = Duration.seconds(1)
    private static let forgetInterval = Duration.seconds(60)

    let name = "keyed calls"
    let calls: KeyedCalls
    private let database: Database
    private let running = Mutex<Task<Void, Never>?>(nil)

    /// - Parameter configuration: of the database, but for its connections.
    init(_ configuration: DatabaseConfiguration, instance: InstanceID, log: Log) {
        var configuration = configuration
        configuration.applicationName = "farebox keyed calls"
        configuration.connectionsMax = Self.connectionsMax
        configuration.queueTimeout = .seconds(2)
        database = Database(configuration)
        calls = KeyedCalls(KeyedCallStore(database, instance: instance), log: log)
    }

    func start() async throws {
        let calls = calls
        let task = Task {
            var forgetAt = ContinuousClock.now
            while !Task.isCancelled {
                await calls.retryLate()
                if ContinuousClock.now >= forgetAt {
                    await calls.forgetOld()
                    forgetAt = .now + Self.forgetInterval
                }
                try? await Task.sleep(for: Self.retryInterval)
            }
        }
        running.withLock { $0 = task }
    }

    /// The last ends are told before the process ends, as far as the deadline allows.
    func stop(by deadline: ContinuousClock.Instant) async {
        let task = running.withLock(\.self)
        task?.cancel()
        await task?.value
        while calls.lateCount > 0, ContinuousClock.now < deadline {
            await calls.retryLate()
            try? await Task.sleep(for: .milliseconds(100))
        }
    }

    func close() async {
        await database.close()
    }
}
