import Ingress
import Journal
import Ledger
import Schema

/// What a journal's file holds: a value, so that a copy of it is a copy of the file.
///
/// The rules are the journal's own (`EntryIndex`, `RegistrationHistory`); what stands for SQLite is
/// that a change is there or is not.
struct JournalFile {
    let instance: InstanceID
    var registrations = RegistrationHistory()
    private(set) var settled: [JournalEntry] = []
    /// Every settled entry before this index is shipped.
    private var shippedCount = 0
    private var drafts: [Draft] = []

    private struct Draft {
        let slot: Int64
        let id: EntryID
        let payload: [UInt8]
    }

    init(instance: InstanceID) { self.instance = instance }

    /// What a process knows of the file when it has opened it.
    func opened() -> EntryIndex {
        EntryIndex(
            inherited: drafts.map { ($0.id, $0.slot) },
            sequenceLast: settled.last?.sequence ?? 0
        )
    }

    var hasDrafts: Bool { !drafts.isEmpty }
    var unshippedCount: Int { settled.count - shippedCount }

    func hasDraft(_ event: EventID) -> Bool {
        drafts.contains { $0.id == EntryID(high: event.high, low: event.low) }
    }

    mutating func enter(_ event: Event, _ index: inout EntryIndex) throws(JournalError) {
        let id = EntryID(high: event.id.high, low: event.id.low)
        let slot = try index.enter(id)
        index.commit()
        drafts.append(Draft(slot: slot, id: id, payload: EventEncoding.encode(event)))
    }

    mutating func settle(_ event: Event, _ index: inout EntryIndex) throws(JournalError) {
        let id = EntryID(high: event.id.high, low: event.id.low)
        try settle(id, EventEncoding.encode(event), &index)
    }

    private mutating func settle(
        _ id: EntryID,
        _ payload: [UInt8],
        _ index: inout EntryIndex
    ) throws(JournalError) {
        let (draft, sequence) = try index.settle(id)
        index.commit()
        if let draft { drafts.removeAll { $0.slot == draft.slot } }
        settled.append(JournalEntry(sequence: sequence, id: id, payload: payload))
    }

    /// Ends the calls that an earlier opening left, and counts those that cannot be read.
    mutating func recover(_ index: inout EntryIndex, at now: Instant) -> Int {
        var unreadable = 0
        for draft in drafts where index.drafts[draft.id]?.isInherited == true {
            guard let ended = InterruptedCalls.ended(draft.payload, at: now) else {
                unreadable += 1
                continue
            }
            // An id is settled once: that is what the index is for.
            try? settle(draft.id, ended.payload, &index)
        }
        return unreadable
    }

    func unshipped(limit: Int) -> [JournalEntry] {
        Array(settled[shippedCount...].prefix(limit))
    }

    /// What a database that lost its tail is offered again.
    var shipped: [JournalEntry] { Array(settled[..<shippedCount]) }

    /// Entries are shipped in order, so that those of a batch follow the shipped ones.
    mutating func markShipped(_ entries: [JournalEntry]) {
        guard let last = entries.last?.sequence else { return }
        while shippedCount < settled.count, settled[shippedCount].sequence <= last {
            shippedCount += 1
        }
    }
}
