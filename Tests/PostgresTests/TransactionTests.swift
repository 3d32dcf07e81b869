import Synchronization
import TestSupport
import Testing

@testable import Postgres

/// Runs a closure with a fresh database, which has a table of numbers, and a pool of it.
private func withNumbers(
    connections: Int = 4,
    _ body: (Database) async throws -> Void
) async throws {
    try await withDatabase { ownerURL, _ in
        var configuration = DatabaseConfiguration(url: ownerURL)
        configuration.connectionsMax = connections
        try await withPool(configuration) { database in
            try await database.read { session in
                try session.script(
                    """
                    CREATE TABLE numbers (
                        n bigint CONSTRAINT numbers_unique PRIMARY KEY,
                        note text CONSTRAINT short CHECK (length(note) < 10));
                    CREATE TABLE pairs (
                        n bigint REFERENCES numbers DEFERRABLE INITIALLY DEFERRED);
                    """
                )
            }
            try await body(database)
        }
    }
}

extension Database {
    fileprivate func numbers() async throws -> [Int64] {
        try await read { session in
            try session.execute("SELECT n FROM numbers ORDER BY n").map { try $0.get("n") }
        }
    }
}

@Suite(.enabled(if: TestServer.isConfigured, "FAREBOX_TEST_OWNER_URL is not set"))
struct TransactionTests {
    struct Refusal: Error {}

    @Test func `a transaction commits all or nothing`() async throws {
        try await withNumbers { database in
            let count = try await database.transaction { session in
                try session.execute("INSERT INTO numbers VALUES (1), (2), (3)").affectedCount
            }
            #expect(count == 3)
            await #expect(throws: Refusal.self) {
                try await database.transaction { session in
                    _ = try session.execute("INSERT INTO numbers VALUES (4)")
                    throw Refusal()
                }
            }
            #expect(try await database.numbers() == [1, 2, 3])
        }
    }

    @Test func `an error has its code, constraint and table, but no values`() async throws {
        try await withNumbers { database in
            let insert: @Sendable (Session) throws -> Void = { session in
                _ = try session.execute("INSERT INTO numbers VALUES (\(424_242), NULL)")
            }
            try await database.transaction { try insert($0) }
            let error = await #expect(throws: PostgresError.self) {
                try await database.transaction { try insert($0) }
            }
            #expect(error?.sqlState == .uniqueViolation)
            #expect(error?.constraint == "numbers_unique")
            #expect(error?.table == "numbers")
            #expect(error?.phase == .body)
            #expect(error?.fault == .caller)
            #expect(error?.isRetrySafe == false)
            #expect(error.map { !"\($0)".contains("424242") } == true)

            let invalid = await #expect(throws: PostgresError.self) {
                try await database.read { session in
                    _ = try session.execute("SELECT \("sesame")::bigint")
                }
            }
            #expect(invalid?.sqlState == "22P02")
            #expect(invalid?.phase == .statement)
            #expect(invalid.map { !"\($0)".contains("sesame") } == true)

            let syntax = await #expect(throws: PostgresError.self) {
                try await database.read { _ = try $0.execute("SELEC 1") }
            }
            #expect(syntax?.fault == .us)
            let check = await #expect(throws: PostgresError.self) {
                try await database.read {
                    _ = try $0.execute("INSERT INTO numbers VALUES (1, \("longer than ten"))")
                }
            }
            #expect(check?.sqlState == .checkViolation)
            #expect(check?.constraint == "short")
        }
    }

    @Test func `a deferred constraint fails the commit, and nothing is unknown`() async throws {
        try await withNumbers { database in
            let error = await #expect(throws: PostgresError.self) {
                try await database.transaction { session in
                    _ = try session.execute("INSERT INTO numbers VALUES (1)")
                    _ = try session.execute("INSERT INTO pairs VALUES (2)")
                }
            }
            #expect(error?.phase == .commit)
            #expect(error?.sqlState == .foreignKeyViolation)
            let numbers = try await database.numbers()
            #expect(numbers.isEmpty)
        }
    }

    @Test func `a body that hides a failed statement commits nothing, and hears of it`()
        async throws
    {
        try await withNumbers { database in
            let error = await #expect(throws: PostgresError.self) {
                try await database.transaction { session in
                    _ = try session.execute("INSERT INTO numbers VALUES (1)")
                    _ = try? session.execute("INSERT INTO numbers VALUES (1)")
                }
            }
            #expect(error?.phase == .commit)
            #expect(error?.sqlState == .inFailedTransaction)
            let numbers = try await database.numbers()
            #expect(numbers.isEmpty)
        }
    }

    @Test func `a body that ends its own transaction is told so`() async throws {
        try await withNumbers { database in
            let error = await #expect(throws: PostgresError.self) {
                try await database.transaction { _ = try $0.execute("ROLLBACK") }
            }
            #expect(error?.code == .misuse)
            let open = await #expect(throws: PostgresError.self) {
                try await database.read { _ = try $0.execute("BEGIN") }
            }
            #expect(open?.code == .misuse)
            try await database.transaction { _ = try $0.execute("SELECT 1") }
        }
    }

    @Test func `a session traps when it is used after its closure`() async {
        await #expect(processExitsWith: .failure) {
            let kept = Kept()
            try await withPool(DatabaseConfiguration(url: TestServer.ownerURL())) { database in
                try await database.read { kept.session = $0 }
                _ = try kept.session?.execute("SELECT 1")
            }
        }
    }

    @Test func `a serialization failure may be retried`() async throws {
        try await withNumbers { database in
            try await database.read { _ = try $0.execute("INSERT INTO numbers VALUES (1, 'a')") }
            let error = await #expect(throws: PostgresError.self) {
                // A second session changes the row after this one has its snapshot.
                try await database.transaction(.repeatableRead) { session in
                    _ = try session.execute("SELECT * FROM numbers")
                    try blocking {
                        try await database.transaction {
                            _ = try $0.execute("UPDATE numbers SET note = 'b'")
                        }
                    }
                    _ = try session.execute("UPDATE numbers SET note = 'c'")
                }
            }
            #expect(error?.sqlState == .serializationFailure)
            #expect(error?.isRetrySafe == true)
        }
    }

    @Test func `a timeout of the role does not reach a transaction`() async throws {
        try await withNumbers(connections: 1) { database in
            try await database.read { _ = try $0.execute("SET statement_timeout = '20ms'") }
            let error = await #expect(throws: PostgresError.self) {
                try await database.read { _ = try $0.execute("SELECT pg_sleep(5)") }
            }
            #expect(error?.sqlState == .queryCanceled)
            try await database.transaction { _ = try $0.execute("SELECT pg_sleep(0.1)") }
        }
    }

    @Test(arguments: [("off", "on"), ("local", "on"), ("remote_apply", "remote_apply")])
    func `a role that does not wait for its commits does in a transaction`(
        setting: String,
        expected: String
    ) async throws {
        try await withNumbers(connections: 1) { database in
            try await database.read {
                _ = try $0.execute("SELECT set_config('synchronous_commit', \(setting), false)")
            }
            let found = try await database.transaction { session in
                try session.execute("SELECT current_setting('synchronous_commit') AS setting")
                    .map { try $0.get("setting", as: String.self) }
            }
            #expect(found == [expected])
        }
    }

    @Test func `decoding says which column and why`() async throws {
        try await onServer { session in
            let rows = try session.execute(
                "SELECT 1 AS a, 2 AS a, 'x' AS t, NULL::int AS none, 2.5 AS f"
            )
            let row = try rows.single()
            for (column, reason) in [
                ("b", "no such column"), ("a", "several columns of this name"),
                ("t", "type 25 is no Int64"), ("none", "NULL where a value must be"),
            ] {
                let error = #expect(throws: PostgresError.self) {
                    try row.get(column, as: Int64.self)
                }
                #expect(error?.code == .decoding)
                #expect(error?.column == column)
                #expect(error?.message == reason)
            }
            #expect(throws: PostgresError.self) { try row.get("f", as: Int128.self) }
            #expect(throws: PostgresError.self) {
                try session.execute("SELECT 1 WHERE false").single()
            }
            #expect(throws: PostgresError.self) { try session.execute("COPY pg_class TO STDOUT") }
        }
    }

    @Test func `a thousand events of forty columns go through unnest in one statement`()
        async throws
    {
        try await withNumbers { database in
            let numbers = (0..<1_000).map { Int64($0) }
            let inserted = try await database.transaction { session in
                var columns: SQL = "\(numbers)"
                var names = "c0"
                for index in 1..<40 {
                    columns = "\(columns), \(numbers.map { $0 % 7 == 0 ? nil : $0 })"
                    names += ", c\(index)"
                }
                let rows = try session.execute(
                    """
                    INSERT INTO numbers (n)
                    SELECT c0 FROM unnest(\(columns)) AS u(\(unescaped: names))
                    WHERE c39 IS NULL OR c39 = c0 RETURNING n
                    """
                )
                #expect(rows.affectedCount == 1_000)
                return try rows.map { try $0.get("n", as: Int64.self) }
            }
            #expect(inserted.sorted() == numbers)
        }
    }
}

@Suite(.enabled(if: TestServer.isConfigured, "FAREBOX_TEST_OWNER_URL is not set"))
struct UnknownCommitTests {
    private func insertThroughProxy(
        _ cut: TestProxy.Cut,
        _ check: (PostgresError?, [Int64]) -> Void
    ) async throws {
        try await withNumbers { database in
            let name = try await database.read { session in
                try session.execute("SELECT current_database()::text AS name").single()
                    .get("name", as: String.self)
            }
            let direct = try TestServer.ownerURL().naming(database: name)
            let proxy = try TestProxy(port: direct.port, cut: cut)
            defer { proxy.stop() }
            let url = direct.naming(host: "127.0.0.1", port: proxy.port)
            try await withPool(DatabaseConfiguration(url: url)) { proxied in
                let error = await #expect(throws: PostgresError.self) {
                    try await proxied.transaction {
                        _ = try $0.execute("INSERT INTO numbers VALUES (1)")
                    }
                }
                #expect(proxy.cutCount.load(ordering: .relaxed) == 1)
                // The next operation gets a connection of its own.
                try await proxied.read { _ = try $0.execute("SELECT 1") }
                // The server needs a moment to notice that its client is gone.
                let isIdle = try await eventually {
                    try await database.read { session in
                        try session.execute(
                            """
                            SELECT FROM pg_stat_activity
                            WHERE datname = current_database() AND state LIKE 'idle in%'
                            """
                        ).isEmpty
                    }
                }
                #expect(isIdle)
                check(error, try await database.numbers())
            }
        }
    }

    @Test func `an answer that is lost after the commit leaves it unknown, and done`() async throws
    {
        try await insertThroughProxy(.afterCommit) { error, numbers in
            #expect(error?.code == .commitOutcomeUnknown)
            #expect(error?.phase == .commit)
            #expect(error?.isRetrySafe == false)
            #expect(error?.fault == .database)
            #expect(numbers == [1])
        }
    }

    @Test func `a COMMIT that is lost on its way leaves it unknown, and undone`() async throws {
        try await insertThroughProxy(.beforeCommit) { error, numbers in
            #expect(error?.code == .commitOutcomeUnknown)
            #expect(numbers.isEmpty)
        }
    }

    @Test func `a backend that is ended in the body has committed nothing`() async throws {
        try await withNumbers { database in
            let error = await #expect(throws: PostgresError.self) {
                try await database.transaction { session in
                    _ = try session.execute("INSERT INTO numbers VALUES (1)")
                    let pid: Int32 = try session.execute("SELECT pg_backend_pid() AS pid").single()
                        .get("pid")
                    try blocking { try await endBackend(pid) }
                    _ = try session.execute("INSERT INTO numbers VALUES (2)")
                }
            }
            // Depending on what arrives first: the server's last words or the end.
            #expect(error?.code == .connectionLost || error?.sqlState == .adminShutdown)
            #expect(error?.isRetrySafe == true)
            #expect(error?.fault == .database)
            let numbers = try await database.numbers()
            #expect(numbers.isEmpty)
        }
    }

    @Test func `an idle connection that was ended is replaced unnoticed`() async throws {
        try await withNumbers(connections: 1) { database in
            for _ in 0..<3 {
                let pid: Int32 = try await database.read { session in
                    try session.execute("SELECT pg_backend_pid() AS pid").single().get("pid")
                }
                try await endBackend(pid)
                try await database.transaction { session in
                    let next: Int32 = try session.execute("SELECT pg_backend_pid() AS pid").single()
                        .get("pid")
                    #expect(next != pid)
                }
            }
        }
    }
}

/// Ends a backend of the test role and waits until it has gone.
private func endBackend(_ pid: Int32) async throws {
    try await onServer { session in
        let ended: Bool = try session.execute("SELECT pg_terminate_backend(\(pid), 30000) AS ended")
            .single().get("ended")
        #expect(ended)
    }
}

/// Runs async work to its end from a closure that may block its thread, as a session's may.
private func blocking(_ body: @escaping @Sendable () async throws -> Void) throws {
    let outcome = Outcome()
    Task {
        do {
            try await body()
            outcome.result.withLock { $0 = .success(()) }
        } catch {
            outcome.result.withLock { $0 = .failure(error) }
        }
    }
    #expect(pollUntil { outcome.result.withLock { $0 != nil } })
    try outcome.result.withLock { $0 }?.get()
}

private final class Outcome: Sendable {
    let result = Mutex<Result<Void, any Error>?>(nil)
}

/// What no program must do: keep a session beyond its closure.
private final class Kept: @unchecked Sendable {
    var session: Session?
}
