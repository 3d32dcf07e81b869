import CPostgres

/// The rows that a statement returned, decoded where libpq left them.
///
/// Not sendable: read what is needed inside of the closure that has the session.
package struct Rows: RandomAccessCollection {
    private let result: ResultOwner

    init(_ result: ResultOwner) {
        self.result = result
    }

    package var startIndex: Int { 0 }
    package var endIndex: Int { result.rowCount }
    package subscript(index: Int) -> Row {
        precondition(index >= 0 && index < endIndex, "no row \(index)")
        return Row(result: result, index: Int32(index))
    }

    /// How many rows an INSERT, UPDATE, DELETE or SELECT touched; 0 for other statements.
    package var affectedCount: Int { result.affectedCount }

    /// The only row; throws when there are none or several.
    package func single() throws(PostgresError) -> Row {
        guard count == 1 else {
            throw PostgresError(.decoding, "\(count) rows where one must be")
        }
        return self[0]
    }
}

/// One row of a result.
package struct Row {
    fileprivate let result: ResultOwner
    fileprivate let index: Int32

    /// Reads a column: `try row.get("balance", as: Int128.self)`.
    ///
    /// Throws when there is no such column or two of them, when it is of another type, and when
    /// it is NULL and the type is not optional.
    package func get<Value: PostgresValue>(
        _ column: String,
        as type: Value.Type = Value.self
    ) throws(PostgresError) -> Value {
        let position = try result.position(of: column)
        do throws(PostgresValueError) {
            let found = result.typeOID(at: position)
            guard Value.accepts(typeOID: found) else {
                throw PostgresValueError("type \(found) is no \(Value.self)")
            }
            return try result.decode(row: index, column: position)
        } catch {
            var failure = PostgresError(.decoding, error.reason)
            failure.column = column
            throw failure
        }
    }

    /// Reads a `bytea`.
    package func get(
        _ column: String,
        as type: [UInt8].Type = [UInt8].self
    ) throws(PostgresError) -> [UInt8] {
        try get(column, as: Bytea.self).bytes
    }

    /// Reads a `bytea` or NULL.
    package func get(
        _ column: String,
        as type: [UInt8]?.Type = [UInt8]?.self
    ) throws(PostgresError) -> [UInt8]? {
        try get(column, as: Bytea?.self)?.bytes
    }
}

/// Owns one result of libpq and clears it when the last row is gone.
final class ResultOwner {
    private let pointer: OpaquePointer
    private lazy var names = columnNames()
    /// For each column the one that was read after it last, where it is looked for first: all rows
    /// of a result are mostly read alike.
    private lazy var successors = names.indices.map { $0 + 1 == names.count ? 0 : $0 + 1 }
    private lazy var last = names.count - 1

    /// Takes over a result that is not an error.
    init(_ pointer: OpaquePointer) {
        self.pointer = pointer
    }

    deinit {
        PQclear(pointer)
    }

    var rowCount: Int { Int(PQntuples(pointer)) }

    var affectedCount: Int { Int(String(cString: PQcmdTuples(pointer))) ?? 0 }

    func position(of column: String) throws(PostgresError) -> Int32 {
        let guess = last >= 0 ? successors[last] : 0
        if guess < names.count, names[guess].isUnique, names[guess].name == column {
            last = guess
            return Int32(guess)
        }
        let position = names.firstIndex { $0.name == column }
        guard let position, names[position].isUnique else {
            let reason = position == nil ? "no such column" : "several columns of this name"
            var failure = PostgresError(.decoding, reason)
            failure.column = column
            throw failure
        }
        successors[last] = position
        last = position
        return Int32(position)
    }

    func typeOID(at column: Int32) -> UInt32 { PQftype(pointer, column) }

    func decode<Value: PostgresValue>(
        row: Int32,
        column: Int32
    ) throws(PostgresValueError) -> Value {
        guard PQgetisnull(pointer, row, column) == 0 else { return try Value.decodeNull() }
        let bytes = UnsafeRawBufferPointer(
            start: PQgetvalue(pointer, row, column),
            count: Int(PQgetlength(pointer, row, column))
        )
        // The bytes live as long as the result, and `self` is alive during the call.
        return try Value(decoding: bytes.bytes)
    }

    private func columnNames() -> [(name: String, isUnique: Bool)] {
        let names = (0..<PQnfields(pointer)).map { String(cString: PQfname(pointer, $0)) }
        return names.map { name in (name, names.count { $0 == name } == 1) }
    }
}
