import Journal
import Ledger
import Schema

/// Brings the calls to their ends that a journal keeps whose instance was taken over by another
/// process, on a copy of it.
///
/// Such a journal is never registered again, so no start ends and ships what it keeps. What it has
/// settled is appended as it is, and what it has shipped once more, for a database may have been
/// promoted since that lost it. A call without an end becomes `interrupted` under its id, but
/// only when it was admitted longer ago than any call can run: the copy has the drafts that were
/// there when it was made, and who was overtaken cannot tell which of the two ran a call. What the
/// other has appended under the same id stands. The leases are closed by the epoch that followed;
/// late charges take from what is free, and what does not fit is excess.
package struct OvertakenJournal: Sendable {
    package struct Report: Hashable, Sendable {
        package var appended = 0
        package var alreadyThere = 0
        package var parked = 0
        /// Calls that were given an end.
        package var ended = 0
        /// Calls that are too young to be given one.
        package var running = 0
        package var unreadable = 0

        package var isComplete: Bool { parked == 0 && running == 0 && unreadable == 0 }
    }

    private let journal: Journal
    private let append: @Sendable ([Event]) async throws -> [AppendOutcome]
    private let callTime: Duration

    /// - Parameters:
    ///   - callTime: how long after its admission a call may still settle.
    ///   - append: appends events to the ledger, each once.
    package init(
        journal: Journal,
        callTime: Duration,
        append: @escaping @Sendable ([Event]) async throws -> [AppendOutcome]
    ) {
        self.journal = journal
        self.append = append
        self.callTime = callTime
    }

    package func run(at now: Instant) async throws -> Report {
        let ended = try await InterruptedCalls.end(
            in: journal,
            at: now,
            admittedBy: now.adding(seconds: -callTime.components.seconds)
        )
        var report = Report()
        report.ended = ended.count
        report.running = ended.running
        report.unreadable = ended.unreadable
        try await offerShipped(&report)
        while true {
            let entries = try await journal.unshipped(limit: Shipment.eventsMax)
            if entries.isEmpty { return report }
            try await offer(entries, &report)
            try await journal.markShipped(entries)
        }
    }

    private func offerShipped(_ report: inout Report) async throws {
        var next: Int64? = 0
        while let sequence = next {
            let page = try await journal.shipped(
                since: 0,
                after: sequence,
                limit: Shipment.eventsMax
            )
            next = page.next
            try await offer(page.entries, &report)
        }
    }

    private func offer(_ entries: [JournalEntry], _ report: inout Report) async throws {
        for outcome in try await append(Shipment(entries).events) {
            switch outcome {
            case .appended, .late: report.appended += 1
            case .duplicate: report.alreadyThere += 1
            case .parked: report.parked += 1
            }
        }
    }
}
