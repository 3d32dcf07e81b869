import EventLoop
import Ingress
import Ledger
import Schema
import Synchronization

/// Does at its instant what grants are due, every second, beside any number of other processes.
final class CreditRunner: Service {
    private static let interval = Duration.seconds(1)

    let name = "credits"
    private let credit: DueCredit
    private let log: Log
    private let now: @Sendable () -> Instant
    private let running = Mutex<Task<Void, Never>?>(nil)

    init(credit: DueCredit, log: Log, now: @escaping @Sendable () -> Instant) {
        self.credit = credit
        self.log = log
        self.now = now
    }

    func start() async throws {
        let task = Task {
            while !Task.isCancelled {
                await settle()
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

    private func settle() async {
        do {
            let report = try await credit.settle(at: now())
            for (account, error) in report.failures {
                log.error(
                    "credit that is due cannot be settled",
                    ["account": .text("\(account)"), "error": .text("\(error)")]
                )
            }
        } catch {
            // The database is away: what is due is done when it is back.
            log.debug("due credit waits", ["error": .text("\(error)")])
        }
    }
}
