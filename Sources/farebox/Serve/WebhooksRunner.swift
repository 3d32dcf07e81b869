import Curl
import EventLoop
import Ingress
import Ledger
import Postgres
import Schema
import Synchronization
import Webhooks

/// Sends webhooks beside any number of other processes, on a loop and connections of its own, so
/// that no receiver slows a call.
final class WebhooksRunner: Service {
    private static let connectionsMax = 3
    private static let tidyInterval = Duration.seconds(15)
    /// What attempts that run get when the process ends; one that is cut off is made again later.
    private static let drainMax = Duration.seconds(5)

    let name = "webhooks"
    private let database: Database
    private let loop = EventLoop(name: "farebox-webhooks")
    private let log: Log
    private let now: @Sendable () -> Instant
    private let state = Mutex(State())

    private struct State {
        var curl: LoopBound<CurlClient>?
        var worker: DeliveryWorker?
        var tasks: [Task<Void, Never>] = []
        var backlog = WebhookMessages.Backlog()
    }

    /// - Parameter configuration: of the database, but for its connections.
    init(_ configuration: DatabaseConfiguration, log: Log, now: @escaping @Sendable () -> Instant) {
        var configuration = configuration
        configuration.applicationName = "farebox webhooks"
        configuration.connectionsMax = Self.connectionsMax
        database = Database(configuration)
        self.log = log
        self.now = now
    }

    func start() async throws {
        let loop = loop
        try loop.start()
        let curl = try await loop.run { () throws(CurlError) in
            LoopBound(try CurlClient(loop: loop), loop: loop)
        }
        let log = log
        let worker = DeliveryWorker(
            database,
            loop: loop,
            curl: curl,
            now: now,
            report: { Self.report($0, log) }
        )
        let tasks = [Task { await worker.run() }, Task { await tidy() }]
        state.withLock { state in
            (state.curl, state.worker, state.tasks) = (curl, worker, tasks)
        }
    }

    func stop(by deadline: ContinuousClock.Instant) async {
        let (curl, tasks) = state.withLock { ($0.curl, $0.tasks) }
        for task in tasks { task.cancel() }
        let close: @Sendable () async -> Void = { [loop] in
            await loop.run { curl?.value.close() }
        }
        let cutOff = Task {
            try await Task.sleep(until: min(deadline, .now + Self.drainMax), clock: .continuous)
            await close()
        }
        for task in tasks { await task.value }
        cutOff.cancel()
        _ = await cutOff.result
        await close()
        await loop.stop()
        await database.close()
    }

    /// Tells of keys that end soon and of accounts' usage, forgets what is old, and looks at how much there is to send.
    private func tidy() async {
        let messages = WebhookMessages(database)
        let expiries = KeyExpiryAlerts(database)
        let watch = AccountWatch(database)
        while !Task.isCancelled {
            do {
                try await expiries.tell(at: now())
                try await watch.look(at: now())
                try await messages.prune(at: now())
                let backlog = try await messages.backlog()
                state.withLock { $0.backlog = backlog }
            } catch {
                log.debug("webhooks are not tidied now", ["error": .text("\(error)")])
            }
            try? await Task.sleep(for: Self.tidyInterval)
        }
    }

    /// Attempts of this process, and what all processes have to send, in Prometheus's text format.
    var metrics: String {
        let (counts, backlog) = state.withLock { ($0.worker?.counts ?? .init(), $0.backlog) }
        return """
            # TYPE farebox_webhook_attempts_total counter
            farebox_webhook_attempts_total{end="delivered"} \(counts.delivered)
            farebox_webhook_attempts_total{end="failed"} \(counts.failed)
            # TYPE farebox_webhook_deliveries_pending gauge
            farebox_webhook_deliveries_pending \(backlog.pending)
            # TYPE farebox_webhook_endpoints_failing gauge
            farebox_webhook_endpoints_failing \(backlog.failingEndpoints)

            """
    }

    /// Neither a URL, which may be a secret in itself, nor a body goes into the log.
    private static func report(_ notice: DeliveryWorker.Notice, _ log: Log) {
        switch notice {
        case .failed(let endpoint, let message, let reason):
            log.warning(
                "a webhook was not delivered",
                [
                    "endpoint": .text("\(endpoint)"),
                    "message": .text(WebhookMessage.name(of: message)), "reason": .text(reason),
                ]
            )
        case .unavailable(let error):
            log.debug("webhooks wait for the database", ["error": .text(error)])
        }
    }
}
