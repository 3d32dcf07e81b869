import CSQLite

/// One prepared statement; parameters are numbered from 1, columns from 0.
///
/// It is bound, stepped and reset within one call, so no binding outlives its bytes.
final class Statement {
    private let handle: OpaquePointer
    private let connection: Connection

    init(_ handle: OpaquePointer, of connection: Connection) {
        self.handle = handle
        self.connection = connection
    }

    deinit { sqlite3_finalize(handle) }

    /// Binds and runs to the end, handing every row to `row`.
    func run(
        _ integers: Int64...,
        row: (borrowing Row) -> Void = { _ in }
    ) throws(JournalError) {
        for (index, value) in integers.enumerated() {
            sqlite3_bind_int64(handle, Int32(index + 1), value)
        }
        try step(row)
    }

    /// Binds a key and an id and runs to the end.
    func run<Role>(key: Int64, id: Binary128<Role>) throws(JournalError) {
        sqlite3_bind_int64(handle, 1, key)
        let status = stepOnce(id)
        guard status == SQLITE_DONE else { throw connection.failure(status) }
    }

    /// Binds a key, an id, a payload and two instants, and runs to the end.
    ///
    /// The bytes are lent to SQLite, not copied: the step ends before they do.
    func run<Role>(
        key: Int64,
        id: Binary128<Role>,
        payload: [UInt8],
        _ first: Int64,
        _ second: Int64? = nil
    ) throws(JournalError) {
        sqlite3_bind_int64(handle, 1, key)
        sqlite3_bind_int64(handle, 4, first)
        if let second { sqlite3_bind_int64(handle, 5, second) }
        let status = payload.withUnsafeBytes { bytes in
            if bytes.isEmpty {
                sqlite3_bind_zeroblob(handle, 3, 0)
            } else {
                sqlite3_bind_blob(handle, 3, bytes.baseAddress, Int32(bytes.count), nil)
            }
            return stepOnce(id)
        }
        guard status == SQLITE_DONE else { throw connection.failure(status) }
    }

    /// Binds an id, steps once and resets; the failure's words stay with the connection.
    private func stepOnce<Role>(_ id: Binary128<Role>) -> Int32 {
        withBigEndianBytes(of: id) { idBytes in
            sqlite3_bind_blob(handle, 2, idBytes.baseAddress, 16, nil)
            let status = sqlite3_step(handle)
            sqlite3_reset(handle)
            return status
        }
    }

    private func step(_ row: (borrowing Row) -> Void) throws(JournalError) {
        var status = sqlite3_step(handle)
        while status == SQLITE_ROW {
            row(Row(handle))
            status = sqlite3_step(handle)
        }
        sqlite3_reset(handle)
        guard status == SQLITE_DONE else { throw connection.failure(status) }
    }
}

/// The row that a statement stands on; it cannot outlive the step.
struct Row: ~Copyable {
    private let handle: OpaquePointer

    fileprivate init(_ handle: OpaquePointer) { self.handle = handle }

    func integer(_ column: Int32) -> Int64 { sqlite3_column_int64(handle, column) }

    func isNull(_ column: Int32) -> Bool { sqlite3_column_type(handle, column) == SQLITE_NULL }

    func bytes(_ column: Int32) -> [UInt8] {
        let start = sqlite3_column_blob(handle, column)
        let count = Int(sqlite3_column_bytes(handle, column))
        return Array(UnsafeRawBufferPointer(start: start, count: count))
    }

    func id<Role>(_ column: Int32) -> Binary128<Role>? {
        guard sqlite3_column_bytes(handle, column) == 16,
            let start = sqlite3_column_blob(handle, column)
        else { return nil }
        return Binary128(
            high: UInt64(bigEndian: start.loadUnaligned(as: UInt64.self)),
            low: UInt64(bigEndian: start.loadUnaligned(fromByteOffset: 8, as: UInt64.self))
        )
    }
}

/// Lends the sixteen bytes of an identifier in their written order.
private func withBigEndianBytes<Role, Result>(
    of id: Binary128<Role>,
    _ body: (UnsafeRawBufferPointer) -> Result
) -> Result {
    withUnsafeBytes(of: (id.high.bigEndian, id.low.bigEndian), body)
}
