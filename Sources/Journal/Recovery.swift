/// What became of the drafts that an earlier opening left behind.
package struct Recovery: Hashable, Sendable {
    /// How many were settled.
    package var settledCount = 0
    /// How many the transform did not know what to do with; they are still open.
    package var keptCount = 0
}

extension JournalStore {
    /// Settles up to `limit` inherited drafts behind a slot with what `transform` makes of them.
    ///
    /// Returns the last slot looked at, or nil when there are no more.
    func recover(
        after slot: Int64,
        limit: Int,
        at instant: Int64,
        into recovery: inout Recovery,
        _ transform: (EntryID, [UInt8]) -> [UInt8]?
    ) throws(JournalError) -> Int64? {
        var rows: [(slot: Int64, id: EntryID, payload: [UInt8])] = []
        try connection.prepare(
            "SELECT slot, id, payload FROM drafts WHERE slot > ?1 ORDER BY slot LIMIT ?2"
        ).run(slot, Int64(limit)) { row in
            if let id: EntryID = row.id(1) { rows.append((row.integer(0), id, row.bytes(2))) }
        }
        for row in rows {
            // Of the rows only those are drafts that the index knows, each in its own slot.
            guard let draft = index.drafts[row.id], draft.isInherited, draft.slot == row.slot
            else { continue }
            if let payload = transform(row.id, row.payload) {
                _ = try settle(row.id, payload, at: instant)
                recovery.settledCount += 1
            } else {
                recovery.keptCount += 1
            }
        }
        return rows.last?.slot
    }

    /// Drafts without an end, in no particular order.
    func openEntries(limit: Int) throws(JournalError) -> [(id: EntryID, payload: [UInt8])] {
        let payloadOfSlot = try connection.prepare("SELECT payload FROM drafts WHERE slot = ?1")
        var entries: [(id: EntryID, payload: [UInt8])] = []
        for (id, draft) in index.drafts.prefix(limit) {
            try payloadOfSlot.run(draft.slot) { entries.append((id, $0.bytes(0))) }
        }
        return entries
    }
}
