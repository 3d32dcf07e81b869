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

/// How far the settled entries are shipped.
///
/// They are shipped in the order of settlement, nearly always: then a batch is one row of
/// `shipments`, which says since when the entries from `first` on, up to the next row's, are
/// shipped, and no entry is written again. Entries that are shipped out of order carry their
/// instant themselves.
struct ShippedEntries {
    /// Every settled entry up to this sequence is shipped; scans begin behind it.
    var through: Int64 = 0
    /// Entries behind it that were shipped out of order.
    var aheadCount = 0
    /// The newest row of `shipments`, as far as it is known.
    var newest: (first: Int64, shippedAt: Int64)?

    /// Batches that follow each other this closely share a row, and its latest instant.
    static let resolutionMicroseconds: Int64 = 1_000_000

    /// Whether these entries, in this order, are the next ones.
    func isContinued(by sequences: [Int64]) -> Bool {
        aheadCount == 0 && !sequences.isEmpty
            && sequences.indices.allSatisfy { sequences[$0] == through + 1 + Int64($0) }
    }
}

extension JournalStore {
    /// The oldest unshipped entries behind `sequence`, in the order of settlement.
    func unshipped(after sequence: Int64, limit: Int) throws(JournalError) -> [JournalEntry] {
        var entries: [JournalEntry] = []
        try shipping.selectUnshipped.run(
            max(sequence, shipped.through),
            Self.never,
            Int64(limit)
        ) { row in
            if let entry = JournalEntry(row) { entries.append(entry) }
        }
        return entries
    }

    /// Marks entries as shipped; those marked before are passed over.
    func markShipped(_ sequences: [Int64], at instant: Int64) throws(JournalError) {
        let sequences = sequences.filter { $0 > shipped.through }
        if shipped.isContinued(by: sequences) {
            try saveShipment(at: instant)
            noteShipped(sequences.count)
            try moveShipped(through: shipped.through + Int64(sequences.count))
        } else {
            try markOutOfOrder(sequences, at: instant)
        }
    }

    /// Notes since when the entries behind `through` are shipped.
    private func saveShipment(at instant: Int64) throws(JournalError) {
        if let newest = shipped.newest, instant >= newest.shippedAt,
            instant - newest.shippedAt < ShippedEntries.resolutionMicroseconds
        {
            try shipping.saveShipment.run(newest.first, instant)
            shipped.newest?.shippedAt = instant
        } else {
            try shipping.saveShipment.run(shipped.through + 1, instant)
            shipped.newest = (shipped.through + 1, instant)
        }
    }

    private func markOutOfOrder(_ sequences: [Int64], at instant: Int64) throws(JournalError) {
        for sequence in sequences {
            try shipping.markShipped.run(sequence, instant, Self.never)
            noteShipped(connection.changeCount)
            shipped.aheadCount += connection.changeCount
        }
        var through: Int64?
        try shipping.selectFirstUnshipped.run(shipped.through, Self.never) {
            through = $0.integer(0) - 1
        }
        if through == nil { try shipping.selectLast.run { through = $0.integer(0) } }
        guard let through, through > shipped.through else { return }
        shipped.aheadCount -= Int(through - shipped.through)
        // What follows in order is none of the newest row's.
        shipped.newest = nil
        try moveShipped(through: through)
    }

    private func moveShipped(through: Int64) throws(JournalError) {
        try shipping.saveShippedThrough.run(through)
        shipped.through = through
    }

    /// Deletes the oldest entries that were shipped before an instant; the count of them.
    func pruneShipped(before instant: Int64, limit: Int) throws(JournalError) -> Int {
        try shipping.prune.run(shipped.through, Int64(limit), instant, Self.never)
        let count = connection.changeCount
        if count > 0 { try shipping.pruneShipments.run() }
        return count
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
        try shipping.selectPage.run(sequence, Int64(limit), Self.never, shipped.through) { row in
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
    let saveShipment: Statement
    let saveShippedThrough: Statement
    let prune: Statement
    let pruneShipments: Statement

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
            SELECT sequence, id, payload,
                CASE WHEN shipped_at = ?3 AND sequence <= ?4 THEN \(Self.shipmentInstant)
                    ELSE shipped_at END
            FROM settled WHERE sequence > ?1 ORDER BY sequence LIMIT ?2
            """
        )
        markShipped = try connection.prepare(
            "UPDATE settled SET shipped_at = ?2 WHERE sequence = ?1 AND shipped_at = ?3"
        )
        saveShipment = try connection.prepare(
            """
            INSERT INTO shipments (first, shipped_at) VALUES (?1, ?2)
            ON CONFLICT (first) DO UPDATE SET shipped_at = excluded.shipped_at
            """
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
                WHERE CASE shipped_at WHEN ?4 THEN \(Self.shipmentInstant)
                    ELSE shipped_at END < ?3)
            """
        )
        // The row that the oldest entry is of stays.
        pruneShipments = try connection.prepare(
            """
            DELETE FROM shipments WHERE first < (
                SELECT max(first) FROM shipments
                WHERE first <= coalesce((SELECT min(sequence) FROM settled), first))
            """
        )
    }

    /// When the entry `sequence` was shipped, by its batch.
    private static let shipmentInstant = """
        (SELECT shipments.shipped_at FROM shipments
            WHERE first <= sequence ORDER BY first DESC LIMIT 1)
        """
}
