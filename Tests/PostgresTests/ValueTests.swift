import Postgres
import TestSupport
import Testing

/// Every type goes to a real server and comes back, alone and in arrays, with and without NULL.
@Suite(.enabled(if: TestServer.isConfigured, "FAREBOX_TEST_OWNER_URL is not set"))
struct ValueTests {
    private func comesBack<Value: PostgresScalar & Equatable>(
        _ values: [Value],
        as type: String
    ) async throws {
        try await onServer { session in
            for value in values {
                let row = try session.execute(
                    "SELECT \(value)::\(unescaped: type) AS same, NULL::\(unescaped: type) AS none"
                ).single()
                #expect(try row.get("same", as: Value.self) == value)
                #expect(try row.get("same", as: Value?.self) == value)
                #expect(try row.get("none", as: Value?.self) == nil)
            }
            let optionals: [Value?] = [nil] + values.map { $0 } + [nil]
            let row = try session.execute(
                """
                SELECT \(values) AS plain, \(optionals) AS holes, \([Value]()) AS empty,
                       (SELECT array_agg(x ORDER BY n)
                        FROM unnest(\(optionals)) WITH ORDINALITY AS u(x, n)) AS unnested,
                       \(Value?.none) AS none, \(values as [Value]?) AS array,
                       \([Value]?.none) AS no_array
                """
            ).single()
            #expect(try row.get("plain", as: [Value].self) == values)
            #expect(try row.get("holes", as: [Value?].self) == optionals)
            #expect(try row.get("unnested", as: [Value?].self) == optionals)
            #expect(try row.get("empty", as: [Value].self).isEmpty)
            #expect(try row.get("none", as: Value?.self) == nil)
            #expect(try row.get("array", as: [Value]?.self) == values)
            #expect(try row.get("no_array", as: [Value]?.self) == nil)
            #expect(throws: PostgresError.self) { try row.get("holes", as: [Value].self) }
            #expect(throws: PostgresError.self) { try row.get("none", as: Value.self) }
        }
    }

    @Test func `booleans and integers come back`() async throws {
        try await comesBack([true, false], as: "bool")
        try await comesBack([Int16.min, -1, 0, 1, .max], as: "int2")
        try await comesBack([Int32.min, -1, 0, 1, .max], as: "int4")
        try await comesBack([Int64.min, -1, 0, 1, .max], as: "int8")
        try await comesBack([Int.min, -1, 0, 1, .max], as: "int8")
    }

    @Test func `numerics of 128 bits come back, and mean the same to the server`() async throws {
        try await comesBack([Int128.min, -10_000, -1, 0, 1, 9_999, 10_000, .max], as: "numeric")
        try await onServer { session in
            var generator = SplitMix64(seed: 38)
            for _ in 0..<200 {
                let bits = UInt128(generator.next()) << 64 | UInt128(generator.next())
                let value = Int128(truncatingIfNeeded: bits) >> Int128(generator.next() % 128)
                let row = try session.execute(
                    "SELECT \(value)::text AS text, \("\(value)")::text::numeric AS value"
                ).single()
                #expect(try row.get("text", as: String.self) == "\(value)")
                #expect(try row.get("value", as: Int128.self) == value)
            }
        }
    }

    @Test func `text comes back, whatever it holds`() async throws {
        try await comesBack(
            ["", "a", "Ärger 💥", "'; DROP TABLE x; --", "\\", "{\"a\",NULL}", "\n\t"],
            as: "text"
        )
    }

    @Test func `bytes come back`() async throws {
        try await comesBack([Bytea([]), Bytea([0]), Bytea(Array(0...255))], as: "bytea")
        try await onServer { session in
            let row = try session.execute(
                "SELECT \([1, 0, 2] as [UInt8]) AS some, \(nil as [UInt8]?) AS none"
            ).single()
            #expect(try row.get("some") as [UInt8] == [1, 0, 2])
            #expect(try row.get("none") as [UInt8]? == nil)
        }
    }

    @Test func `identifiers, instants and documents come back`() async throws {
        try await comesBack(
            [UUIDBytes(high: 0, low: 0), UUIDBytes(high: .max, low: 1)],
            as: "uuid"
        )
        try await comesBack(
            [-62_135_596_800_000_000, -1, 0, 1, 1_795_000_000_123_456].map {
                Timestamp(microseconds: $0)
            },
            as: "timestamptz"
        )
        try await comesBack([JSONText("{\"a\": [1, null]}"), JSONText("\"x\"")], as: "jsonb")
    }

    @Test func `an instant means the same to the server`() async throws {
        try await onServer { session in
            let row = try session.execute(
                """
                SELECT extract(epoch FROM \(Timestamp(microseconds: 1_500_000)))::text AS seconds,
                       timestamptz '2026-11-24 10:00:00+01' AS instant,
                       timestamptz 'infinity' AS never
                """
            ).single()
            #expect(try row.get("seconds", as: String.self) == "1.500000")
            let instant = try row.get("instant", as: Timestamp.self)
            #expect(instant.microseconds == 1_795_510_800_000_000)
            #expect(throws: PostgresError.self) { try row.get("never", as: Timestamp.self) }
            #expect(throws: PostgresError.self) {
                try session.execute("SELECT \(Timestamp(microseconds: .min)) AS x")
            }
        }
    }

    @Test func `an enumeration is stored as its raw value`() async throws {
        enum Fruit: String, PostgresRepresentable { case apple, pear }
        try await onServer { session in
            let row = try session.execute(
                "SELECT \([Fruit.pear, .apple]) AS fruits, \(Fruit.pear) AS one, 'fig' AS other"
            ).single()
            #expect(try row.get("fruits", as: [Fruit].self) == [.pear, .apple])
            #expect(try row.get("one", as: Fruit.self) == .pear)
            #expect(throws: PostgresError.self) { try row.get("other", as: Fruit.self) }
        }
    }

    @Test func `a narrower integer is widened, a wider one refused`() async throws {
        try await onServer { session in
            let row = try session.execute(
                "SELECT 7::int2 AS small, 8::int4 AS medium, 9::int8 AS large"
            ).single()
            #expect(try row.get("small", as: Int64.self) == 7)
            #expect(try row.get("medium", as: Int.self) == 8)
            #expect(try row.get("small", as: Int32.self) == 7)
            #expect(throws: PostgresError.self) { try row.get("large", as: Int32.self) }
            #expect(throws: PostgresError.self) { try row.get("medium", as: Int16.self) }
        }
    }

    @Test func `a column that grew element by element binds like an array`() async throws {
        func bind<Scalar: PostgresScalar & Equatable>(
            _ values: [Scalar?],
            append: @escaping @Sendable (Scalar?, inout ArrayColumn<Scalar>) -> Void
        ) async throws {
            try await onServer { session in
                var column = ArrayColumn<Scalar>()
                for value in values { append(value, &column) }
                let row = try session.execute(
                    """
                    SELECT \(column) = \(values) AS is_same, \(ArrayColumn<Scalar>()) AS empty,
                        (SELECT array_agg(x ORDER BY n)
                         FROM unnest(\(column)) WITH ORDINALITY AS u(x, n)) AS unnested
                    """
                ).single()
                #expect(try row.get("is_same", as: Bool.self))
                #expect(try row.get("empty", as: [Scalar].self).isEmpty)
                #expect(try row.get("unnested", as: [Scalar?].self) == values)
            }
        }
        // Enough of them to outgrow the first storage.
        let many: [Int64?] = (0..<200).map { Int64($0) - 100 }
        try await bind(many + [nil]) { $1.append($0) }
        try await bind([nil, Int32.min, 0, .max]) { $1.append($0) }
        try await bind([true, nil, false]) { $1.append($0) }
        try await bind(["", nil, "модель-🚕", String(repeating: "x", count: 500)]) {
            $1.append($0)
        }
        try await bind([UUIDBytes(high: .max, low: 1), nil]) { $1.append($0) }
        try await bind([Timestamp(microseconds: -1), nil]) { $1.append($0) }
        try await bind([JSONText(#"{"a": 1}"#), nil]) { $1.append($0) }
        try await bind([Int128.min, 0, .max] as [Int128?]) { value, column in
            if let value { column.append(value) } else { column.appendNull() }
        }
        try await bind([Bytea([0, 1, 2]), Bytea([]), nil]) { value, column in
            if let value {
                value.bytes.withUnsafeBytes { column.append($0) }
            } else {
                column.appendNull()
            }
        }
    }
}

/// Runs a closure on a connection to the server's own database, which it must not change.
func onServer(_ body: @escaping @Sendable (Session) throws -> Void) async throws {
    try await withPool(DatabaseConfiguration(url: TestServer.ownerURL())) {
        try await $0.read(body)
    }
}
