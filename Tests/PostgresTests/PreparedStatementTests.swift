import Postgres
import TestSupport
import Testing

@Suite(.enabled(if: TestServer.isConfigured, "FAREBOX_TEST_OWNER_URL is not set"))
struct PreparedStatementTests {
    private static func run(_ body: (Database) async throws -> Void) async throws {
        try await withDatabase { ownerURL, _ in
            var configuration = DatabaseConfiguration(url: ownerURL)
            configuration.connectionsMax = 1
            try await withPool(configuration, body)
        }
    }

    /// How many statements the session has prepared.
    private static func preparedCount(_ session: Session) throws -> Int64 {
        try session.execute("SELECT count(*) AS count FROM pg_prepared_statements").single()
            .get("count")
    }

    private static func double(_ number: Int64, _ session: Session) throws -> Int64 {
        try session.executePrepared("SELECT \(number) * 2 AS double").single().get("double")
    }

    @Test func `a text is prepared once, and run with other values each time`() async throws {
        try await Self.run { database in
            for number: Int64 in 1...20 {
                let (double, count) = try await database.transaction { session in
                    (try Self.double(number, session), try Self.preparedCount(session))
                }
                #expect(double == number * 2)
                #expect(count == 1)
            }
        }
    }

    @Test func `texts beyond a bound are run without being prepared`() async throws {
        try await Self.run { database in
            let count = try await database.read { session in
                for number in 0..<150 {
                    let rows = try session.executePrepared(
                        "SELECT \(Int64(7)) AS n\(unescaped: "\(number)")"
                    )
                    #expect(try rows.single().get("n\(number)", as: Int64.self) == 7)
                }
                return try Self.preparedCount(session)
            }
            #expect(count == 100)
        }
    }

    @Test func `a session that lost what was prepared fails once and then prepares nothing`()
        async throws
    {
        try await Self.run { database in
            _ = try await database.read { try Self.double(1, $0) }
            // What a pooler does that gives the transaction another session of the server.
            try await database.read { try $0.script("DEALLOCATE ALL") }
            let error = await #expect(throws: PostgresError.self) {
                try await database.transaction { try Self.double(2, $0) }
            }
            #expect(error?.isLostPreparation == true)
            #expect(error?.isRetrySafe == true)
            let (double, count) = try await database.transaction { session in
                (try Self.double(2, session), try Self.preparedCount(session))
            }
            #expect(double == 4)
            #expect(count == 0)
        }
    }

    @Test func `a name that is taken and a result that changed count as lost too`() async throws {
        try await Self.run { database in
            try await database.read { try $0.script("PREPARE farebox_0 AS SELECT 1") }
            let taken = await #expect(throws: PostgresError.self) {
                try await database.read { try Self.double(1, $0) }
            }
            #expect(taken?.isLostPreparation == true)
        }
        try await Self.run { database in
            let all: SQL = "SELECT * FROM t"
            try await database.read { session in
                try session.script("CREATE TABLE t (a int)")
                _ = try session.executePrepared(all)
                try session.script("ALTER TABLE t ADD b int")
            }
            let changed = await #expect(throws: PostgresError.self) {
                try await database.read { _ = try $0.executePrepared(all) }
            }
            #expect(changed?.isLostPreparation == true)
            try await database.read { _ = try $0.executePrepared(all) }
        }
    }

    @Test func `another error of a prepared statement is what it would be without`() async throws {
        try await Self.run { database in
            for _ in 0..<2 {
                let error = await #expect(throws: PostgresError.self) {
                    try await database.read { session in
                        _ = try session.executePrepared("SELECT 1 / \(Int64(0))")
                    }
                }
                #expect(error?.sqlState == "22012")
                #expect(error?.isLostPreparation == false)
            }
        }
    }
}
