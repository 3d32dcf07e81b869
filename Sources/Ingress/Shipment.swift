import Journal
import Ledger
import Schema

/// A batch on its way from the journal to the ledger: what is appended, and what its answer means.
package struct Shipment: Sendable {
    /// Events of one transaction.
    package static let eventsMax = 500

    package let entries: [JournalEntry]
    package let hashed: [HashedEvent]

    /// - Throws: what `EventEncoding.decode` says of an entry that cannot be read.
    package init(_ entries: [JournalEntry]) throws {
        self.entries = entries
        hashed = try entries.map { try HashedEvent(decoding: $0.payload) }
    }

    private init(entries: [JournalEntry], hashed: [HashedEvent]) {
        self.entries = entries
        self.hashed = hashed
    }

    /// Those of the entries that can be read, and those that cannot: another version's, or damaged.
    static func sorting(
        _ entries: [JournalEntry]
    ) -> (shipment: Shipment, unreadable: [JournalEntry]) {
        var (readable, hashed, unreadable): ([JournalEntry], [HashedEvent], [JournalEntry]) =
            ([], [], [])
        for entry in entries {
            if let event = try? HashedEvent(decoding: entry.payload) {
                readable.append(entry)
                hashed.append(event)
            } else {
                unreadable.append(entry)
            }
        }
        return (Shipment(entries: readable, hashed: hashed), unreadable)
    }

    /// The oldest unshipped events of a journal; what cannot be read stays there, and keeps nothing
    /// behind it.
    static func next(
        of journal: Journal
    ) async throws(JournalError) -> (shipment: Shipment, unreadable: [JournalEntry]) {
        var unreadable: [JournalEntry] = []
        while true {
            let entries = try await journal.unshipped(
                after: unreadable.last?.sequence ?? 0,
                limit: eventsMax
            )
            let sorted = sorting(entries)
            unreadable += sorted.unreadable
            if entries.isEmpty || !sorted.shipment.entries.isEmpty {
                return (sorted.shipment, unreadable)
            }
        }
    }

    package var events: [Event] { hashed.map(\.event) }

    /// Charges that are in the ledger, or parked there, and no longer on their way from a lease.
    package struct Arrival: Hashable, Sendable {
        package let account: AccountID
        package let lease: LeaseID
        package let charge: Pico
    }

    /// The charges that the escrow may forget, once the entries are marked as shipped; one sum for
    /// each lease.
    package var arrivals: [Arrival] {
        var sums: [LeaseKey: Pico] = [:]
        for hashed in hashed {
            guard case .usage(let usage) = hashed.event.body, let lease = usage.lease else {
                continue
            }
            sums[LeaseKey(account: hashed.event.account, lease: lease), default: .zero] +=
                usage.charge
        }
        return sums.map { key, charge in
            Arrival(account: key.account, lease: key.lease, charge: charge)
        }
    }

    /// The usage that came too long after its month was closed, and is not charged.
    package func late(_ outcomes: [AppendOutcome]) -> [(event: Event, charge: Pico)] {
        zip(events, outcomes).compactMap { event, outcome in
            guard case .late = outcome, case .usage(let usage) = event.body else { return nil }
            return (event, usage.charge)
        }
    }

    /// The events that were set aside, and why.
    package func parked(_ outcomes: [AppendOutcome]) -> [(event: Event, reason: ParkReason)] {
        zip(hashed, outcomes).compactMap { hashed, outcome in
            guard case .parked(let reason) = outcome else { return nil }
            return (hashed.event, reason)
        }
    }
}

/// How long the shipper waits: a little between batches that are not full, so that events gather
/// under load and alone leave at once; after failures doubling, bounded.
package struct ShippingPace: Sendable {
    private static let delayMin = Duration.milliseconds(100)
    private static let delayMax = Duration.seconds(5)
    private static let batchInterval = Duration.milliseconds(20)

    private var delay = delayMin

    package init() {}

    /// The least time from the beginning of this batch to the next; nil after a full one.
    package mutating func succeeded(count: Int) -> Duration? {
        delay = Self.delayMin
        return count < Shipment.eventsMax ? Self.batchInterval : nil
    }

    /// The pause before the next try.
    package mutating func failed() -> Duration {
        defer { delay = min(delay * 2, Self.delayMax) }
        return delay
    }
}
