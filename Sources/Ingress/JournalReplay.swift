import Journal
import Ledger
import Schema

/// Brings back from an instance's journal what a restored backup of PostgreSQL has lost.
///
/// The events are appended under their own ids, so those that are there already change nothing. The
/// calls that name a restored lease of the instance come first: what it has set aside pays for them.
/// Then these leases are closed, and the other calls are paid for out of what is free. An account
/// whose calls that would not suffice for is left alone, because credit granted after the backup has
/// been lost too, or other instances' leases still hold it; once that is mended, another replay
/// brings its events.
package struct JournalReplay: Sendable {
    private static let pageMax = 1_000

    private let journal: Journal
    private let store: EventStore
    private let lost: LostEvents
    private let closeLeases: @Sendable () async throws -> Int

    /// - Parameter closeLeases: closes the leases of the instance's earlier epochs.
    package init(
        journal: Journal,
        store: EventStore,
        lost: LostEvents,
        closeLeases: @escaping @Sendable () async throws -> Int
    ) {
        self.journal = journal
        self.store = store
        self.lost = lost
        self.closeLeases = closeLeases
    }

    /// Why an account's events stay where they are.
    package enum Reason: Hashable, Sendable {
        /// The backup is older than the account.
        case unknownAccount
        /// The calls need more than is free.
        case notCovered(needed: Pico, free: Pico)
    }

    package struct Refused: Hashable, Sendable {
        package let count: Int
        package let reason: Reason
    }

    package struct Report: Hashable, Sendable {
        /// Shipped events that the journal still keeps; all but the following were there already.
        package var kept = 0
        package var appended = 0
        package var parked = 0
        /// Entries that are no events.
        package var unreadable = 0
        package var closedLeases = 0
        /// What was charged for the appended calls.
        package var charged = Pico.zero
        /// Of those, calls that are not charged, for their month was closed too long ago.
        package var late = 0
        /// What of their price was covered when they were made, and is not any more.
        package var uncovered = Pico.zero
        package var refused: [AccountID: Refused] = [:]
        /// What the next start ships and ends by itself.
        package var unshipped = 0
        package var openCalls = 0

        package var alreadyThere: Int {
            kept - appended - parked - unreadable - refused.values.reduce(0) { $0 + $1.count }
        }

        package var isComplete: Bool { refused.isEmpty && parked == 0 && unreadable == 0 }
    }

    /// - Parameter force: append also what is not covered; what does not fit becomes excess, which
    ///   is the operator's loss.
    package func run(force: Bool = false) async throws -> Report {
        var report = Report()
        report.unshipped = journal.depth.unshippedCount
        report.openCalls = journal.depth.openCount
        let instance = InstanceID(high: journal.instance.high, low: journal.instance.low)
        let leases = try await lost.openLeases(of: instance)
        if !force { report.refused = try await refusals(leases) }
        let refused = Set(report.refused.keys)
        let leaseIDs = Set(leases.map(\.lease))
        func isLeased(_ event: Event) -> Bool {
            guard case .usage(let usage) = event.body, let lease = usage.lease else { return false }
            return leaseIDs.contains(lease) && !refused.contains(event.account)
        }
        try await appendMissing(&report, where: isLeased)
        try await appendUnshipped(where: isLeased)
        report.closedLeases = try await closeLeases()
        try await appendMissing(&report) { !refused.contains($0.account) }
        return report
    }

    /// Appends what is missing and wanted of everything that was shipped and is kept.
    private func appendMissing(
        _ report: inout Report,
        where isWanted: (Event) -> Bool
    ) async throws {
        (report.kept, report.unreadable) = (0, 0)
        var next: Int64? = 0
        while let start = next {
            let page = try await journal.shipped(since: .min, after: start, limit: Self.pageMax)
            next = page.next
            let events = decode(page.entries)
            report.kept += page.entries.count
            report.unreadable += page.entries.count - events.count
            let missing = try await lost.missing(of: events).filter(isWanted)
            try await append(missing, &report)
        }
    }

    /// Appends what the next start would ship, but too late for its lease; it stays unshipped.
    private func appendUnshipped(where isWanted: (Event) -> Bool) async throws {
        var last: Int64 = 0
        while true {
            let entries = try await journal.unshipped(after: last, limit: Self.pageMax)
            guard let end = entries.last else { return }
            _ = try await store.append(decode(entries).filter(isWanted))
            last = end.sequence
        }
    }

    private func append(_ events: [Event], _ report: inout Report) async throws {
        guard !events.isEmpty else { return }
        for (event, outcome) in zip(events, try await store.append(events)) {
            switch outcome {
            case .appended(_, let amount, let excess):
                report.appended += 1
                guard case .usage(let usage) = event.body else { continue }
                report.charged -= amount
                report.uncovered += excess - usage.excess
            case .late:
                report.appended += 1
                report.late += 1
            case .duplicate: continue
            case .parked: report.parked += 1
            }
        }
    }

    /// The accounts whose missing events need more than is free once the instance's leases are
    /// closed, or that do not exist.
    private func refusals(
        _ leases: [LostEvents.OpenLease]
    ) async throws -> [AccountID: Refused] {
        var covers: [AccountID: LostEvents.Cover] = [:]
        var needs: [AccountID: (count: Int, due: Pico)] = [:]
        var next: Int64? = 0
        while let start = next {
            let page = try await journal.shipped(since: .min, after: start, limit: Self.pageMax)
            next = page.next
            let missing = try await lost.missing(of: decode(page.entries))
            let unknown = Set(missing.map(\.account)).subtracting(covers.keys)
            covers.merge(try await lost.cover(of: Array(unknown))) { known, _ in known }
            for event in missing {
                var need = needs[event.account] ?? (0, .zero)
                need.count += 1
                need.due += due(of: event, covers[event.account])
                needs[event.account] = need
            }
        }
        for lease in leases { covers[lease.account]?.free += lease.left }
        var refused: [AccountID: Refused] = [:]
        for (account, need) in needs {
            if let free = covers[account]?.free {
                guard need.due > free else { continue }
                let reason = Reason.notCovered(needed: need.due, free: free)
                refused[account] = Refused(count: need.count, reason: reason)
            } else {
                refused[account] = Refused(count: need.count, reason: .unknownAccount)
            }
        }
        return refused
    }

    /// What an event will take of its account.
    private func due(of event: Event, _ cover: LostEvents.Cover?) -> Pico {
        guard case .usage(let usage) = event.body, !event.isTooLate(cover?.chargedFrom) else {
            return .zero
        }
        return min(usage.charge, usage.hold)
    }

    private func decode(_ entries: [JournalEntry]) -> [Event] {
        entries.compactMap { try? EventEncoding.decode($0.payload) }
    }
}
