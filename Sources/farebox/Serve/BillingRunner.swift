import Billing
import EventLoop
import Ingress
import Postgres
import Schema
import Synchronization

/// Does what billing has to do by the clock, beside any number of other processes.
///
/// It has connections of its own, so that a close that waits for a head never keeps a lease or an
/// append waiting for a connection.
final class BillingRunner: Service {
    private typealias Work = BillingSchedule.Work

    private static let interval = Duration.seconds(60)

    let name = "billing"
    private let rounds: BillingRounds
    private let works: [Work]
    private let database: Database
    private let log: Log
    private let now: @Sendable () -> Instant
    private let running = Mutex<[Task<Void, Never>]>([])
    private let counts = Mutex<[Work: Counts]>([:])

    private struct Counts {
        /// Accounts that had something to do when it was last looked.
        var due = 0
        /// Things done since the start.
        var done = 0
    }

    init(
        _ databaseURL: String,
        _ settings: BillingSchedule.Settings,
        log: Log,
        now: @escaping @Sendable () -> Instant
    ) throws {
        works = Work.allCases.filter { settings.includes($0) }
        var configuration = DatabaseConfiguration(url: try DatabaseURL(databaseURL))
        configuration.applicationName = "farebox billing"
        configuration.connectionsMax = works.reduce(0) { $0 + $1.width }
        database = Database(configuration)
        rounds = BillingRounds(database, settings)
        self.log = log
        self.now = now
    }

    func start() async throws {
        running.withLock { running in
            running = works.map { work in Task { await run(work) } }
        }
    }

    /// Ends behind the accounts that are being worked on; the next start does what is left.
    func stop(by deadline: ContinuousClock.Instant) async {
        let tasks = running.withLock(\.self)
        for task in tasks { task.cancel() }
        for task in tasks { await task.value }
        await database.close()
    }

    /// What is due, done and failing, in Prometheus's text format.
    var metrics: String {
        let counts = counts.withLock(\.self)
        func family(_ name: String, _ type: String, _ value: (Work) -> Int) -> String {
            let samples = works.map { "farebox_\(name){work=\"\($0.rawValue)\"} \(value($0))\n" }
            return "# TYPE farebox_\(name) \(type)\n" + samples.joined()
        }
        return family("billing_due_accounts", "gauge") { counts[$0]?.due ?? 0 }
            + family("billing_failing_accounts", "gauge") { rounds.failing($0) }
            + family("billing_done_total", "counter") { counts[$0]?.done ?? 0 }
    }

    private func run(_ work: Work) async {
        while !Task.isCancelled {
            let hasMore = await round(work)
            if !hasMore { try? await Task.sleep(for: Self.interval) }
        }
    }

    /// Does a round; true when there may be more to do at once, of accounts with several months.
    private func round(_ work: Work) async -> Bool {
        do {
            let report = try await rounds.run(work, at: now(), width: work.width)
            counts.withLock { counts in
                counts[work, default: Counts()].due = report.due - report.done
                counts[work, default: Counts()].done += report.done
            }
            for (account, error) in report.failures {
                log.error(
                    "billing cannot do what is due for an account and tries again later",
                    [
                        "work": .text(work.rawValue), "account": .text(account),
                        "error": .text("\(error)"),
                    ]
                )
            }
            return work == .months && report.done > 0 && !report.isInterrupted
        } catch {
            // The database is away: what is due is done when it is back.
            log.debug(
                "billing waits",
                ["work": .text(work.rawValue), "error": .text("\(error)")]
            )
            return false
        }
    }
}

extension BillingSchedule.Work {
    /// How many accounts are worked on at once.
    ///
    /// Closes of one issuer wait for one another at its counter: more would end nothing sooner.
    fileprivate var width: Int { self == .months ? 2 : 1 }
}
