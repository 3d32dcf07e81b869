import Billing
import Journal
import Ledger
import Schema

/// Carries settled events from the journal to PostgreSQL, in batches, in order, for ever.
///
/// An append whose outcome is unknown is repeated with the same events, which changes nothing; an
/// event leaves the journal's queue only when a commit of ours has said where it is.
package struct Shipper: Sendable {
    /// Events of one transaction.
    private static let batchMax = 500
    private static let retryDelay: ClosedRange<Duration> = .milliseconds(100) ... .seconds(5)
    /// How long shipped events are kept for `ledger replay`.
    private static let keptSeconds: Int64 = 7 * 86_400
    private static let pruneBatch = 1_000

    private let journal: Journal
    private let store: EventStore
    private let escrow: Escrow
    private let metrics: GatewayMetrics
    private let log: Log
    private let now: @Sendable () -> Instant

    package init(
        journal: Journal,
        store: EventStore,
        escrow: Escrow,
        metrics: GatewayMetrics,
        log: Log,
        now: @escaping @Sendable () -> Instant
    ) {
        self.journal = journal
        self.store = store
        self.escrow = escrow
        self.metrics = metrics
        self.log = log
        self.now = now
    }

    /// Ships whenever there is something to ship, until the journal closes or the task is
    /// cancelled.
    package func run() async {
        for await _ in journal.settlements {
            await shipAll()
            if Task.isCancelled { return }
        }
    }

    /// Ships until nothing is left, waiting out failures, until cancelled.
    package func shipAll() async {
        var delay = Self.retryDelay.lowerBound
        while !Task.isCancelled {
            do {
                guard try await shipBatch() else { return }
                delay = Self.retryDelay.lowerBound
            } catch {
                log.warning("events cannot be shipped now", ["error": .text("\(error)")])
                try? await Task.sleep(for: delay)
                delay = min(delay * 2, Self.retryDelay.upperBound)
            }
        }
    }

    /// Deletes what was shipped long enough ago.
    package func prune() async {
        let before = now().adding(seconds: -Self.keptSeconds).microseconds
        while let count = try? await journal.pruneShipped(before: before, limit: Self.pruneBatch),
            count == Self.pruneBatch, !Task.isCancelled
        {}
    }

    /// Ships one batch; false when there was nothing to ship.
    private func shipBatch() async throws -> Bool {
        let entries = try await journal.unshipped(limit: Self.batchMax)
        guard !entries.isEmpty else { return false }
        let events = try entries.map { try EventEncoding.decode($0.payload) }
        let outcomes = try await store.append(events)
        try await journal.markShipped(entries)
        var parked = 0
        for (event, outcome) in zip(events, outcomes) {
            guard case .usage(let usage) = event.body else { continue }
            if case .parked(let reason) = outcome {
                parked += 1
                log.error(
                    "an event was parked",
                    [
                        "account": .text("\(event.account)"), "event": .text("\(event.id)"),
                        "reason": .text("\(reason)"),
                    ]
                )
            }
            if let lease = usage.lease {
                escrow.shipped(event.account, lease: lease, amount: usage.charge)
            }
        }
        metrics.shipped(events.count, parked: parked)
        return true
    }
}
