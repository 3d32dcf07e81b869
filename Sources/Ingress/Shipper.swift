import Billing
import Journal
import Ledger
import Schema

/// Carries settled events from the journal to PostgreSQL, in batches, in order, for ever.
///
/// An append whose outcome is unknown is repeated with the same events, which changes nothing; an
/// event leaves the journal's queue only when a commit of ours has said where it is.
package struct Shipper: Sendable {
    /// How long shipped events are kept for `ledger replay`.
    private static let keptSeconds: Int64 = 7 * 86_400
    private static let pruneBatch = 1_000

    private let journal: Journal
    private let store: EventStore
    private let escrow: Escrow
    private let metrics: GatewayMetrics
    private let log: Log
    private let now: @Sendable () -> Instant
    private let turn = ShippingTurn()

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
        var pace = ShippingPace()
        while !Task.isCancelled {
            let start = ContinuousClock.now
            do {
                let count = try await shipBatch()
                guard count > 0 else { return }
                if let rest = pace.succeeded(count: count) {
                    try? await Task.sleep(until: start + rest)
                }
            } catch {
                log.warning("events cannot be shipped now", ["error": .text("\(error)")])
                try? await Task.sleep(for: pace.failed())
            }
        }
    }

    /// Appends everything that was shipped and is still kept again, and returns how much it was.
    ///
    /// For a ledger that may have lost some of it; what it has already changes nothing. It waits for
    /// the batch that is being shipped: what the lost part of the ledger has acknowledged must be
    /// marked as shipped by then, or nobody would offer it again.
    ///
    /// - Throws: `.unavailable`, `.outcomeUnknown`: call again.
    package func reofferAll() async throws(LedgerError) -> Int {
        await turn.take()
        defer { turn.end() }
        var (count, next): (Int, Int64?) = (0, 0)
        while let sequence = next {
            let page: ReplayPage
            do {
                page = try await journal.shipped(
                    since: 0,
                    after: sequence,
                    limit: Shipment.eventsMax
                )
            } catch {
                throw LedgerError(.unavailable, "the journal: \(error)")
            }
            let (shipment, unreadable) = Shipment.sorting(page.entries)
            note(unreadable)
            _ = try await store.append(hashed: shipment.hashed)
            count += page.entries.count
            next = page.next
        }
        return count
    }

    /// Deletes what was shipped long enough ago.
    package func prune() async {
        let before = now().adding(seconds: -Self.keptSeconds).microseconds
        while let count = try? await journal.pruneShipped(before: before, limit: Self.pruneBatch),
            count == Self.pruneBatch, !Task.isCancelled
        {}
    }

    /// Says of an entry once that nobody can read it.
    private func note(_ unreadable: [JournalEntry]) {
        for entry in unreadable where metrics.isNewUnreadable(entry.sequence) {
            log.error(
                "the journal keeps an event that cannot be read",
                ["event": .text("\(entry.id)"), "sequence": .number(entry.sequence)]
            )
        }
    }

    /// Ships one batch; returns its size.
    private func shipBatch() async throws -> Int {
        await turn.take()
        defer { turn.end() }
        let (shipment, unreadable) = try await Shipment.next(of: journal)
        note(unreadable)
        let entries = shipment.entries
        guard !entries.isEmpty else { return 0 }
        let outcomes = try await store.append(hashed: shipment.hashed)
        try await journal.markShipped(entries)
        let parked = shipment.parked(outcomes)
        for (event, reason) in parked {
            log.error(
                "an event was parked",
                [
                    "account": .text("\(event.account)"), "event": .text("\(event.id)"),
                    "reason": .text("\(reason)"),
                ]
            )
        }
        let late = shipment.late(outcomes)
        for (event, charge) in late {
            log.error(
                "a call came too long after its month was closed, and is not charged",
                [
                    "account": .text("\(event.account)"), "event": .text("\(event.id)"),
                    "occurred": .text("\(event.occurredAt)"), "charge": .text("\(charge)"),
                ]
            )
        }
        for arrival in shipment.arrivals {
            escrow.shipped(arrival.account, lease: arrival.lease, amount: arrival.charge)
        }
        metrics.shipped(entries.count, parked: parked.count, late: late.map(\.charge))
        return entries.count
    }
}
