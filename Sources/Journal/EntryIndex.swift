/// What the journal's thread knows of its entries without asking the disk.
///
/// Only drafts are looked up by id, and they are few: one per running call. So ids are indexed
/// here and not in the file, which halves the cost of a call's two writes (measured). The file says
/// which rows are drafts by `openSlots`, once for all calls of a transaction. Changes
/// are provisional until `commit`, and `rollback` takes them back with the transaction.
package struct EntryIndex: Sendable {
    /// How many settled ids are remembered to recognise a second settlement.
    ///
    /// A repeat older than that is written again, and dropped later by its event id.
    static let settledIDsMax = 65_536

    private enum Change: Sendable {
        case opened(EntryID)
        case ended(EntryID, Draft)
        case settled(EntryID)
    }

    /// A call without an end, and the row that holds it.
    package struct Draft: Hashable, Sendable {
        package let slot: Int64
        /// Whether an earlier opening of the journal left it behind.
        package let isInherited: Bool
    }

    package private(set) var drafts: [EntryID: Draft] = [:]
    /// The slots of `drafts`, and whether they have changed since the last commit.
    private(set) var openSlots = SlotSet()
    private(set) var hasMovedDrafts = false
    private(set) var settlementCount = 0
    private var freeSlots: [Int64] = []
    private var slotCount: Int64 = 0
    private var sequenceLast: Int64
    private var settledIDs: Set<EntryID> = []
    private var settledOrder: [EntryID] = []
    private var settledOldest = 0
    private var changes: [Change] = []

    /// Begins with the drafts that the file holds.
    package init(inherited: [(id: EntryID, slot: Int64)], sequenceLast: Int64) {
        self.sequenceLast = sequenceLast
        slotCount = inherited.lazy.map(\.slot).max() ?? 0
        for (id, slot) in inherited {
            drafts[id] = Draft(slot: slot, isInherited: true)
            openSlots.insert(slot)
        }
        let taken = Set(inherited.lazy.map(\.slot))
        if slotCount > 0 { freeSlots = (1...slotCount).filter { !taken.contains($0) } }
    }

    /// The row for a new draft: slots are reused, so that drafts stay on a few hot pages.
    package mutating func enter(_ id: EntryID) throws(JournalError) -> Int64 {
        guard drafts[id] == nil, !settledIDs.contains(id) else {
            throw JournalError(.alreadyEntered)
        }
        let slot = freeSlots.popLast() ?? slotCount + 1
        slotCount = max(slotCount, slot)
        add(Draft(slot: slot, isInherited: false), of: id)
        changes.append(.opened(id))
        return slot
    }

    /// The row of a draft of this opening.
    package func slot(ofDraft id: EntryID) throws(JournalError) -> Int64 {
        guard let draft = drafts[id], !draft.isInherited else { throw JournalError(.notEntered) }
        return draft.slot
    }

    /// The draft that has ended, if there is one, and the sequence of the settled entry.
    package mutating func settle(
        _ id: EntryID
    ) throws(JournalError) -> (draft: Draft?, sequence: Int64) {
        guard !settledIDs.contains(id) else { throw JournalError(.alreadySettled) }
        let draft = end(id)
        sequenceLast += 1
        settlementCount += 1
        settledIDs.insert(id)
        changes.append(.settled(id))
        return (draft, sequenceLast)
    }

    package mutating func discard(_ id: EntryID) throws(JournalError) -> Draft {
        guard let draft = end(id) else { throw JournalError(.notEntered) }
        return draft
    }

    private mutating func end(_ id: EntryID) -> Draft? {
        guard let draft = remove(id) else { return nil }
        changes.append(.ended(id, draft))
        return draft
    }

    private mutating func add(_ draft: Draft, of id: EntryID) {
        drafts[id] = draft
        openSlots.insert(draft.slot)
        hasMovedDrafts = true
    }

    private mutating func remove(_ id: EntryID) -> Draft? {
        guard let draft = drafts.removeValue(forKey: id) else { return nil }
        openSlots.remove(draft.slot)
        hasMovedDrafts = true
        return draft
    }

    /// The transaction is durable: freed slots may be reused.
    package mutating func commit() {
        for change in changes {
            switch change {
            case .opened: break
            case .ended(_, let draft): freeSlots.append(draft.slot)
            case .settled(let id): remember(id)
            }
        }
        changes.removeAll(keepingCapacity: true)
        hasMovedDrafts = false
    }

    /// The transaction was undone: so is everything since the last commit, latest first.
    package mutating func rollback() {
        for change in changes.reversed() {
            switch change {
            case .opened(let id):
                if let draft = remove(id) { freeSlots.append(draft.slot) }
            case .ended(let id, let draft):
                add(draft, of: id)
            case .settled(let id):
                settledIDs.remove(id)
                settlementCount -= 1
                sequenceLast -= 1
            }
        }
        changes.removeAll(keepingCapacity: true)
        hasMovedDrafts = false
    }

    private mutating func remember(_ id: EntryID) {
        guard settledOrder.count == Self.settledIDsMax else {
            settledOrder.append(id)
            return
        }
        settledIDs.remove(settledOrder[settledOldest])
        settledOrder[settledOldest] = id
        settledOldest = (settledOldest + 1) % Self.settledIDsMax
    }
}
