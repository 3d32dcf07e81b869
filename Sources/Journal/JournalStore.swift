/// The journal's file: its tables, and the entries' way through them.
///
/// Used on the journal's thread only. Two tables, because a draft lives for seconds and a
/// settled entry for days: drafts are written over each other in a few hot rows, settled entries
/// are appended in order, and neither needs an index in the file. Row 0 of `drafts` is none, but
/// says which of the others are: a `SlotSet`, written once for all calls of a transaction.
final class JournalStore {
    /// In 1 a draft that had ended was deleted, and there was no row 0.
    static let formatVersion: Int64 = 2
    /// The `shipped_at` of an entry that was not shipped by itself.
    ///
    /// As wide as any instant, so that shipping rewrites the row in place, and later than any,
    /// so that pruning passes it by.
    static let never = Int64.max

    let connection: Connection
    var index: EntryIndex
    var shipped = ShippedEntries()
    private(set) var unshippedCount = 0
    let instance: InstanceIdentifier

    private let beginStatement: Statement
    private let commitStatement: Statement
    private let rollbackStatement: Statement
    private let writeDraft: Statement
    private let insertSettled: Statement
    let shipping: ShippingStatements
    private var unshippedBefore = 0
    private var shippedBefore = ShippedEntries()

    init(path: String, sync: JournalSync) throws(JournalError) {
        let connection = try Connection(path: path)
        try Self.configure(connection, sync)
        instance = try Self.identify(connection)
        self.connection = connection
        beginStatement = try connection.prepare("BEGIN IMMEDIATE")
        commitStatement = try connection.prepare("COMMIT")
        rollbackStatement = try connection.prepare("ROLLBACK")
        writeDraft = try connection.prepare(Self.writeDraft)
        insertSettled = try connection.prepare(
            """
            INSERT INTO settled (sequence, id, payload, settled_at, shipped_at)
            VALUES (?1, ?2, ?3, ?4, ?5)
            """
        )
        shipping = try ShippingStatements(connection)
        index = EntryIndex(inherited: [], sequenceLast: 0)
        try load()
    }

    private static func configure(
        _ connection: Connection,
        _ sync: JournalSync
    ) throws(JournalError) {
        // Debian's SQLite wipes what is deleted, page by page; there is no secret in here.
        try connection.execute(
            """
            PRAGMA page_size = 4096;
            PRAGMA journal_mode = WAL;
            PRAGMA synchronous = \(sync.rawValue);
            PRAGMA temp_store = MEMORY;
            PRAGMA secure_delete = OFF;
            """
        )
        connection.takeOverCheckpoints()
    }

    /// Reads the identity, or makes the tables and an identity in a new file.
    private static func identify(
        _ connection: Connection
    ) throws(JournalError) -> InstanceIdentifier {
        var version: Int64 = 0
        try connection.prepare("PRAGMA user_version").run { version = $0.integer(0) }
        guard (0...formatVersion).contains(version) else {
            throw JournalError(.incompatible, "format \(version), not \(formatVersion)")
        }
        var found: InstanceIdentifier?
        if version == 0 {
            var tableCount: Int64 = 0
            try connection.prepare("SELECT count(*) FROM sqlite_schema").run {
                tableCount = $0.integer(0)
            }
            guard tableCount == 0 else {
                throw JournalError(.cannotOpen, "the file is another program's database")
            }
            let made = InstanceIdentifier.random()
            try connection.execute("BEGIN IMMEDIATE; \(schema)")
            try connection.prepare("INSERT INTO identity (only, instance) VALUES (?1, ?2)")
                .run(key: 1, id: made)
            try connection.execute("PRAGMA user_version = \(formatVersion); COMMIT")
        } else if version == 1 {
            var open = SlotSet()
            try connection.execute("BEGIN IMMEDIATE")
            try connection.prepare("SELECT slot FROM drafts").run { open.insert($0.integer(0)) }
            try write(open, with: connection.prepare(writeDraft))
            try connection.execute("PRAGMA user_version = \(formatVersion); COMMIT")
        }
        // Files of the first releases have none, and those releases can do without.
        try connection.execute(
            """
            CREATE TABLE IF NOT EXISTS shipments (
                first INTEGER PRIMARY KEY,
                shipped_at INTEGER NOT NULL
            ) STRICT
            """
        )
        try connection.prepare("SELECT instance FROM identity").run { found = $0.id(0) }
        guard let found else { throw JournalError(.cannotOpen, "no identity in the file") }
        return found
    }

    private static let schema = """
        CREATE TABLE identity (
            only INTEGER PRIMARY KEY CHECK (only = 1),
            instance BLOB NOT NULL CHECK (length(instance) = 16),
            shipped_through INTEGER NOT NULL DEFAULT 0,
            probes INTEGER NOT NULL DEFAULT 0
        ) STRICT;
        CREATE TABLE registrations (
            sequence INTEGER PRIMARY KEY,
            nonce BLOB NOT NULL CHECK (length(nonce) = 16),
            epoch INTEGER
        ) STRICT;
        CREATE TABLE drafts (
            slot INTEGER PRIMARY KEY,
            entered_at INTEGER NOT NULL,
            id BLOB NOT NULL,
            payload BLOB NOT NULL
        ) STRICT;
        CREATE TABLE settled (
            sequence INTEGER PRIMARY KEY,
            settled_at INTEGER NOT NULL,
            shipped_at INTEGER NOT NULL,
            id BLOB NOT NULL,
            payload BLOB NOT NULL
        ) STRICT;
        """

    private static let writeDraft =
        "REPLACE INTO drafts (slot, id, payload, entered_at) VALUES (?1, ?2, ?3, ?4)"

    private static func write(
        _ open: SlotSet,
        with writeDraft: Statement
    ) throws(JournalError) {
        try writeDraft.run(key: 0, id: EntryID(high: 0, low: 0), payload: open.bytes, 0)
    }

    private func load() throws(JournalError) {
        try connection.prepare("SELECT shipped_through FROM identity").run {
            shipped.through = $0.integer(0)
        }
        var last: Int64 = 0
        try connection.prepare("SELECT coalesce(max(sequence), 0) FROM settled").run {
            last = $0.integer(0)
        }
        try connection.prepare(
            """
            SELECT count(*) FILTER (WHERE shipped_at = ?2), count(*) FILTER (WHERE shipped_at <> ?2)
            FROM settled WHERE sequence > ?1
            """
        ).run(shipped.through, Self.never) { row in
            unshippedCount = Int(row.integer(0))
            shipped.aheadCount = Int(row.integer(1))
        }
        var open = SlotSet()
        try connection.prepare("SELECT payload FROM drafts WHERE slot = 0").run {
            open = SlotSet(bytes: $0.bytes(0))
        }
        var inherited: [(id: EntryID, slot: Int64)] = []
        try connection.prepare("SELECT slot, id FROM drafts WHERE slot > 0").run { row in
            guard open.contains(row.integer(0)), let id: EntryID = row.id(1) else { return }
            inherited.append((id, row.integer(0)))
        }
        index = EntryIndex(inherited: inherited, sequenceLast: max(last, shipped.through))
    }

    // MARK: Transactions

    /// Runs `body` in a transaction; if anything throws, neither file nor memory has changed.
    func transaction<Output>(
        _ body: () throws(JournalError) -> Output
    ) throws(JournalError) -> Output {
        unshippedBefore = unshippedCount
        shippedBefore = shipped
        do {
            try beginStatement.run()
            let output = try body()
            if index.hasMovedDrafts { try Self.write(index.openSlots, with: writeDraft) }
            try commitStatement.run()
            index.commit()
            return output
        } catch {
            // SQLite ends some failed transactions by itself.
            if connection.isInTransaction { try? rollbackStatement.run() }
            index.rollback()
            unshippedCount = unshippedBefore
            shipped = shippedBefore
            throw error
        }
    }

    // MARK: Calls, each within a transaction

    func enter(
        _ id: EntryID,
        _ payload: [UInt8],
        at instant: Int64
    ) throws(JournalError) {
        let slot = try index.enter(id)
        try writeDraft.run(key: slot, id: id, payload: payload, instant)
    }

    func revise(
        _ id: EntryID,
        _ payload: [UInt8],
        at instant: Int64
    ) throws(JournalError) {
        let slot = try index.slot(ofDraft: id)
        try writeDraft.run(key: slot, id: id, payload: payload, instant)
    }

    /// Whether there was a draft; the settlement is kept either way.
    func settle(
        _ id: EntryID,
        _ payload: [UInt8],
        at instant: Int64
    ) throws(JournalError) -> Bool {
        let (draft, sequence) = try index.settle(id)
        try insertSettled.run(key: sequence, id: id, payload: payload, instant, Self.never)
        unshippedCount += 1
        return draft != nil
    }

    func discard(_ id: EntryID) throws(JournalError) {
        _ = try index.discard(id)
    }

    /// Deletes the rows of drafts that have ended, for the room that many of them take.
    func deleteEndedDrafts() throws(JournalError) {
        var ended: [Int64] = []
        try connection.prepare("SELECT slot FROM drafts WHERE slot > 0").run { row in
            if !index.openSlots.contains(row.integer(0)) { ended.append(row.integer(0)) }
        }
        let deleteDraft = try connection.prepare("DELETE FROM drafts WHERE slot = ?1")
        for slot in ended { try deleteDraft.run(slot) }
    }

    /// Counts entries that were shipped just now.
    func noteShipped(_ count: Int) { unshippedCount -= count }
}
