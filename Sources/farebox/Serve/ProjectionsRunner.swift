import EventLoop
import Ingress
import Ledger
import Postgres
import Synchronization

/// Keeps the projections up to date from start to stop.
///
/// It has connections of its own, so that a long batch never keeps a lease or an append waiting.
final class ProjectionsRunner: Service {
    let name = "projections"
    let runners: [ProjectionRunner]
    private let database: Database
    private let running = Mutex<[Task<Void, Never>]>([])

    init(_ databaseURL: String, _ log: Log) throws {
        var configuration = DatabaseConfiguration(url: try DatabaseURL(databaseURL))
        configuration.applicationName = "farebox projections"
        configuration.connectionsMax = Projection.allCases.count
        let database = Database(configuration)
        self.database = database
        runners = Projection.allCases.map { projection in
            ProjectionRunner(projection, database, report: { Self.report($0, log) })
        }
    }

    /// Tells all of them what this process has appended.
    func note(_ appended: [ProjectionTarget]) {
        for runner in runners { runner.note(appended) }
    }

    func start() async throws {
        running.withLock { running in
            running = runners.map { runner in Task { await runner.run() } }
        }
    }

    /// What is missing then, the next start takes in.
    func stop(by deadline: ContinuousClock.Instant) async {
        let tasks = running.withLock(\.self)
        for task in tasks { task.cancel() }
        for task in tasks { await task.value }
        await database.close()
    }

    /// How far each projection is behind, as far as this process knows, in Prometheus's text format.
    var metrics: String {
        let lags = runners.map(\.lag)
        func gauge(_ name: String, _ value: KeyPath<ProjectionLag, Int64>) -> String {
            let samples = lags.map { lag in
                "farebox_\(name){projection=\"\(lag.projection.rawValue)\"} \(lag[keyPath: value])\n"
            }
            return "# TYPE farebox_\(name) gauge\n" + samples.joined()
        }
        return gauge("projection_events_behind", \.events)
            + gauge("projection_seconds_behind", \.seconds)
            + gauge("projection_stopped_accounts", \.stoppedStreams)
    }

    private static func report(_ notice: ProjectionNotice, _ log: Log) {
        switch notice {
        case .stopped(let projection, let stream):
            log.error(
                "a projection cannot take in an account's next event and stops there",
                [
                    "projection": .text(projection.rawValue),
                    "account": .text("\(stream.account)"), "reason": .text(stream.reason),
                ]
            )
        case .failed(let projection, let error):
            log.warning(
                "a projection cannot go on now",
                ["projection": .text(projection.rawValue), "error": .text("\(error)")]
            )
        case .wentLive(let build):
            log.info(
                "a projection was rebuilt",
                [
                    "projection": .text(build.projection.rawValue),
                    "build": .number(Int64(build.number)),
                    "version": .number(Int64(build.version)),
                ]
            )
        }
    }
}
