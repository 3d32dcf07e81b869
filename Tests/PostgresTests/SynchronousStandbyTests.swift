import Foundation
import TestSupport
import Testing

@testable import Postgres

/// A cluster of its own, because a setting of the whole server is changed; also a test of
/// `scripts/lib/postgres.sh`.
@Suite(.enabled(if: TestServer.isConfigured, "FAREBOX_TEST_OWNER_URL is not set"))
struct SynchronousStandbyTests {
    @Test func `a commit that no standby has confirmed is unknown`() async throws {
        try await withCluster { superuserURL in
            try await withPool(DatabaseConfiguration(url: superuserURL)) { database in
                try await database.read { session in
                    try session.script("CREATE TABLE numbers (n bigint)")
                    try session.script("ALTER SYSTEM SET synchronous_standby_names = 'nobody'")
                    try session.script("SELECT pg_reload_conf()")
                }
                #expect(
                    try await eventually {
                        try await database.read { session in
                            try session.execute("SHOW synchronous_standby_names").single()
                                .get("synchronous_standby_names", as: String.self) == "nobody"
                        }
                    }
                )
                for (function, value) in [
                    ("pg_cancel_backend(pid)", Int64(1)), ("pg_terminate_backend(pid)", 2),
                ] {
                    async let commit: Void = database.transaction { session in
                        _ = try session.execute("INSERT INTO numbers VALUES (\(value))")
                    }
                    try await interrupt(SQL(stringLiteral: function), on: database)
                    do {
                        try await commit
                        Issue.record("the commit was taken for durable")
                    } catch let error as PostgresError {
                        #expect(error.code == .commitOutcomeUnknown)
                    }
                }
                // Both are there, though neither would survive the loss of this server.
                let count: Int = try await database.read { session in
                    try session.execute("SELECT count(*) AS count FROM numbers").single()
                        .get("count")
                }
                #expect(count == 2)
            }
        }
    }

    /// Ends the wait of the one commit that waits for a standby.
    private func interrupt(_ function: SQL, on database: Database) async throws {
        let isDone = try await eventually {
            try await database.read { session in
                try session.execute(
                    """
                    SELECT \(function) FROM pg_stat_activity WHERE wait_event = 'SyncRep'
                    """
                ).count == 1
            }
        }
        #expect(isDone)
    }

    private func withCluster(_ body: (DatabaseURL) async throws -> Void) async throws {
        let directory = "/tmp/farebox-standby-\(UInt64.random(in: 0 ... .max))"
        let output = try shell(
            "farebox_postgres_start \(directory) throwaway && printf '%s %s' \"$PGHOST\" \"$PGPORT\""
        )
        let address = output.split(separator: " ")
        do {
            try #require(address.count == 2)
            try await body(
                DatabaseURL("host=\(address[0]) port=\(address[1]) user=postgres dbname=farebox")
            )
        } catch {
            _ = try shell("farebox_postgres_stop \(directory); rm -rf \(directory)")
            throw error
        }
        _ = try shell("farebox_postgres_stop \(directory); rm -rf \(directory)")
    }

    private func shell(_ command: String) throws -> String {
        let root = URL(filePath: #filePath).appending(path: "../../..").standardized
        let process = Process()
        let output = Pipe()
        process.executableURL = URL(filePath: "/bin/sh")
        process.arguments = ["-c", ". \(root.path)/scripts/lib/postgres.sh; \(command)"]
        process.standardOutput = output
        try process.run()
        let text = try output.fileHandleForReading.readToEnd() ?? Data()
        process.waitUntilExit()
        #expect(process.terminationStatus == 0)
        return String(decoding: text, as: UTF8.self)
    }
}
