/// A settled entry, as it waits for PostgreSQL or is kept after it.
package struct JournalEntry: Hashable, Sendable {
    /// Its place in the order of settlement.
    package let sequence: Int64
    package let id: EntryID
    package let payload: [UInt8]

    package init(sequence: Int64, id: EntryID, payload: [UInt8]) {
        self.sequence = sequence
        self.id = id
        self.payload = payload
    }
}

/// A part of the journal's shipped entries.
package struct ReplayPage: Hashable, Sendable {
    package let entries: [JournalEntry]
    /// Where the next page begins; nil after the last.
    package let next: Int64?
}

extension JournalStore {
    /// The oldest unshipped entries behind `sequence`, in the order of settlement.
    func unshipped(after sequence: Int64, limit: Int) throws(JournalError) -> [JournalEntry] {
        var entries: [JournalEntry] = []
        try shipping.selectUnshipped.run(
            max(sequence, shippedThrough),
            Self.never,
            Int64(limit)
        ) { row in
            if let entry = JournalEntry(row) { entries.append(entry) }
        }
        return entries
    }

    /// Marks entries as shipped and moves `shippedThrough`; those marked before are passed over.
    func markShipped(_ sequences: [Int64], at instant: Int64) throws(JournalError) {
        for sequence in sequences {
            try shipping.markShipped.run(sequence, instant, Self.never)
            noteShipped(connection.changeCount)
        }
        var through: Int64?
        try shipping.selectFirstUnshipped.run(shippedThrough, Self.never) {
            through = $0.integer(0) - 1
        }
        if through == nil { try shipping.selectLast.run { through = $0.integer(0) } }
        guard let through, through > shippedThrough else { return }
        try shipping.saveShippedThrough.run(through)
        shippedThrough = through
    }

    /// Deletes the oldest entries that were shipped before an instant; the count of them.
    func pruneShipped(before instant: Int64, limit: Int) throws(JournalError) -> Int {
        try shipping.prune.run(shippedThrough, Int64(limit), instant)
        return connection.changeCount
    }

    /// Of the next `limit` settled entries, those that were shipped at or after an instant.
    func shipped(
        since instant: Int64,
        after sequence: Int64,
        limit: Int
    ) throws(JournalError) -> ReplayPage {
        var entries: [JournalEntry] = []
        var count = 0
        var last = sequence
        try shipping.selectPage.run(sequence, Int64(limit)) { row in
            count += 1
            last = row.integer(0)
            let shippedAt = row.integer(3)
            guard shippedAt >= instant, shippedAt != Self.never else { return }
            if let entry = JournalEntry(row) { entries.append(entry) }
        }
        return ReplayPage(entries: entries, next: count < limit ? nil : last)
    }
}

extension JournalEntry {
    fileprivate init?(_ row: borrowing Row) {
        guard let id: EntryID = row.id(1) else { return nil }
        self.init(sequence: row.integer(0), id: id, payload: row.bytes(2))
    }
}

/// The statements that ship, keep and prune settled entries.
struct ShippingStatements {
    let selectUnshipped: Statement
    let selectFirstUnshipped: Statement
    let selectLast: Statement
    let selectPage: Statement
    let markShipped: Statement
    let saveShippedThrough: Statement
    let prune: Statement

    init(_ connection: Connection) throws(JournalError) {
        selectUnshipped = try connection.prepare(
            """
            SELECT sequence, id, payload FROM settled
            WHERE sequence > ?1 AND shipped_at = ?2 ORDER BY sequence LIMIT ?3
            """
        )
        selectFirstUnshipped = try connection.prepare(
            """
            SELECT sequence FROM settled
            WHERE sequence > ?1 AND shipped_at = ?2 ORDER BY sequence LIMIT 1
            """
        )
        selectLast = try connection.prepare("SELECT coalesce(max(sequence), 0) FROM settled")
        selectPage = try connection.prepare(
            """
            SELECT sequence, id, payload, shipped_at FROM settled
            WHERE sequence > ?1 ORDER BY sequence LIMIT ?2
            """
        )
        markShipped = try connection.prepare(
            "UPDATE settled SET shipped_at = ?2 WHERE sequence = ?1 AND shipped_at = ?3"
        )
        saveShippedThrough = try connection.prepare(
            "UPDATE identity SET shipped_through = ?1"
        )
        // The inner limit bounds what is looked at, the outer condition what is deleted.
        prune = try connection.prepare(
            """
            DELETE FROM settled WHERE sequence IN (
                SELECT sequence FROM (
                    SELECT sequence, shipped_at FROM settled
                    WHERE sequence <= ?1 ORDER BY sequence LIMIT ?2)
                WHERE shipped_at < ?3)
            """
        )
    }
}
