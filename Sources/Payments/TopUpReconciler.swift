import Ledger
import Schema

/// Asks the provider about top-ups of which it has not told, beside any number of other processes:
/// a notice that never came delays credit and loses none.
package final class TopUpReconciler: Sendable {
    private static let batch = 16
    private static let pollInterval = Duration.seconds(2)
    private static let retryInterval = Duration.seconds(10)

    /// What a composition root may want to log.
    package enum Notice: Sendable {
        /// The provider had not told of it.
        case changed(TopUp)
        /// Who paid has no money back, and the credit is there again.
        case refundFailed(TopUp)
        /// What the provider said did not fit what was asked for.
        case refused(TopUpID, String)
        /// It could not be asked; it is asked again later.
        case failed(TopUpID, String)
        case unavailable(String)
    }

    private let desk: TopUpDesk
    private let topUps: TopUps
    private let now: @Sendable () -> Instant
    private let report: @Sendable (Notice) -> Void

    package init(
        _ desk: TopUpDesk,
        topUps: TopUps,
        now: @escaping @Sendable () -> Instant,
        report: @escaping @Sendable (Notice) -> Void = { _ in }
    ) {
        self.desk = desk
        self.topUps = topUps
        self.now = now
        self.report = report
    }

    /// Asks until cancelled.
    package func run() async {
        while !Task.isCancelled {
            do {
                let count = try await sweep()
                if count < Self.batch { try? await Task.sleep(for: Self.pollInterval) }
            } catch {
                report(.unavailable("\(error)"))
                try? await Task.sleep(for: Self.retryInterval)
            }
        }
    }

    /// Asks about what is due now, once, and returns how many those were.
    package func sweep() async throws(LedgerError) -> Int {
        let due = try await topUps.claim(at: now(), limit: Self.batch)
        for topUp in due where topUp.provider == desk.provider.name {
            await ask(about: topUp)
        }
        return due.count
    }

    private func ask(about topUp: TopUp) async {
        do {
            switch try await desk.ask(about: topUp) {
            case .done(let changed): report(.changed(changed))
            case .refundFailed(let changed): report(.refundFailed(changed))
            case .refused(let reason): report(.refused(topUp.id, reason))
            case .unchanged, .unknown: break
            }
        } catch {
            report(.failed(topUp.id, "\(error)"))
        }
    }
}
