import CSQLite

/// One SQLite connection; it stays on the thread that opened it.
final class Connection {
    private static let busyMilliseconds: Int32 = 2_000
    /// SQLite's file system that shuts other processes out, and so needs no locks and no
    /// shared-memory file between connections of this one.
    private static let fileSystem = "unix-excl"

    private let handle: OpaquePointer

    /// How many frames the write-ahead log held after the last commit; SQLite's hook writes it.
    private let walFrames: UnsafeMutablePointer<Int32>

    /// Opens or creates the file at `path`.
    init(path: String) throws(JournalError) {
        var handle: OpaquePointer?
        let flags = SQLITE_OPEN_READWRITE | SQLITE_OPEN_CREATE | SQLITE_OPEN_NOMUTEX
        let status = sqlite3_open_v2(path, &handle, flags, Self.fileSystem)
        guard status == SQLITE_OK, let handle else {
            let reason = String(cString: sqlite3_errstr(status))
            sqlite3_close_v2(handle)
            throw JournalError(.cannotOpen, reason)
        }
        self.handle = handle
        walFrames = .allocate(capacity: 1)
        walFrames.initialize(to: 0)
        sqlite3_extended_result_codes(handle, 1)
        // Whoever looks into the file without the journal's lock is waited for.
        sqlite3_busy_timeout(handle, Self.busyMilliseconds)
    }

    deinit {
        // Statements were finalized by their owners, or close_v2 waits for them.
        sqlite3_close_v2(handle)
        walFrames.deallocate()
    }

    /// Runs statements without parameters or results.
    func execute(_ sql: String) throws(JournalError) {
        let status = sqlite3_exec(handle, sql, nil, nil, nil)
        guard status == SQLITE_OK else { throw failure(status) }
    }

    /// Compiles a statement that is kept for the life of the connection.
    func prepare(_ sql: String) throws(JournalError) -> Statement {
        var statement: OpaquePointer?
        let flags = UInt32(SQLITE_PREPARE_PERSISTENT)
        let status = sqlite3_prepare_v3(handle, sql, -1, flags, &statement, nil)
        guard status == SQLITE_OK, let statement else { throw failure(status) }
        return Statement(statement, of: self)
    }

    /// Whether a transaction is under way.
    var isInTransaction: Bool { sqlite3_get_autocommit(handle) == 0 }

    /// How many rows the last statement changed.
    var changeCount: Int { Int(sqlite3_changes(handle)) }

    /// Takes over checkpoints from SQLite, so that they run after the waiting calls resumed.
    func takeOverCheckpoints() {
        sqlite3_wal_hook(handle, recordWALFrames, walFrames)
    }

    /// Frames in the write-ahead log after the last commit.
    var walFrameCount: Int { Int(walFrames.pointee) }

    /// Moves the write-ahead log into the file, as much as can be without waiting for another.
    ///
    /// - Returns: how many frames of the log are in the file. When all are, the next transaction
    ///   writes the log from its beginning.
    @discardableResult
    func checkpoint() throws(JournalError) -> Int {
        var moved: Int32 = 0
        let status = sqlite3_wal_checkpoint_v2(
            handle,
            nil,
            SQLITE_CHECKPOINT_PASSIVE,
            nil,
            &moved
        )
        guard status == SQLITE_OK else { throw failure(status) }
        return Int(moved)
    }

    /// The error of a result code, with SQLite's own words.
    func failure(_ status: Int32) -> JournalError {
        let reason = String(cString: sqlite3_errmsg(handle))
        switch status & 0xff {
        case SQLITE_FULL: return JournalError(.diskFull, reason)
        case SQLITE_BUSY, SQLITE_LOCKED: return JournalError(.inUse, reason)
        case SQLITE_NOTADB: return JournalError(.cannotOpen, reason)
        default: return JournalError(.disk(status), reason)
        }
    }
}

/// SQLite's hook after a commit: a file-scope function, because C calls it.
private func recordWALFrames(
    context: UnsafeMutableRawPointer?,
    handle: OpaquePointer?,
    database: UnsafePointer<CChar>?,
    frames: Int32
) -> Int32 {
    context?.assumingMemoryBound(to: Int32.self).pointee = frames
    return SQLITE_OK
}
