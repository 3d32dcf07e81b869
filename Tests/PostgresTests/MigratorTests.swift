import FoundationEssentials
import TestSupport
import Testing

@testable import Postgres

/// A directory of migrations that goes away with the closure.
private func withDirectory(
    _ files: [String: String],
    _ body: (MigrationFiles) async throws -> Void
) async throws {
    var generator = SystemRandomNumberGenerator()
    let path = FileManager.default.temporaryDirectory
        .appending(path: "farebox-migrations-\(generator.next())").path
    try FileManager.default.createDirectory(atPath: path, withIntermediateDirectories: true)
    defer { try? FileManager.default.removeItem(atPath: path) }
    let directory = MigrationFiles(path: path)
    for (name, text) in files { try directory.write(name, text) }
    try await body(directory)
}

private struct MigrationFiles {
    let path: String

    func write(_ name: String, _ text: String) throws {
        try Data(text.utf8).write(to: URL(filePath: "\(path)/\(name)"))
    }

    func remove(_ name: String) throws {
        try FileManager.default.removeItem(atPath: "\(path)/\(name)")
    }
}

private let accounts = """
    CREATE TABLE accounts (id bigint PRIMARY KEY, name text);
    CREATE FUNCTION refuse() RETURNS trigger LANGUAGE plpgsql AS $$
    BEGIN
        RAISE EXCEPTION 'accounts are never deleted; really';
    END;
    $$;
    CREATE TRIGGER keep BEFORE DELETE ON accounts FOR EACH ROW EXECUTE FUNCTION refuse();
    INSERT INTO accounts VALUES (1, 'one;two');
    """

@Suite struct MigrationFileTests {
    @Test func `files are read in order, and other files left alone`() async throws {
        try await withDirectory([
            "0002_b.sql": "SELECT 2", "0001_a_1.sql": "SELECT 1", "README.md": "",
            ".0003_x.sql": "",
        ]) { directory in
            let migrations = try Migration.load(directory: directory.path)
            #expect(migrations.map(\.name) == ["0001_a_1", "0002_b"])
            #expect(migrations.map(\.version) == [1, 2])
            // sha256sum of "SELECT 1".
            #expect(
                migrations[0].digest
                    == "e004ebd5b5532a4b85984a62f8ad48a81aa3460c1ca07701f386135d72cdecf5"
            )
        }
    }

    @Test(arguments: [
        "1_a.sql", "00001_a.sql", "0001.sql", "0001_.sql", "0001-a.sql", "0001_A.sql", "a.sql",
        "0001_ä.sql", "+001_a.sql", "0001_a b.sql",
    ])
    func `a file of another name is refused`(name: String) async throws {
        try await withDirectory([name: ""]) { directory in
            #expect(throws: MigrationError.badName(name)) {
                try Migration.load(directory: directory.path)
            }
        }
    }

    @Test func `a hole, a double number and a missing directory are refused`() async throws {
        try await withDirectory(["0001_a.sql": "", "0003_c.sql": ""]) { directory in
            #expect(throws: MigrationError.hole(missing: 2)) {
                try Migration.load(directory: directory.path)
            }
            try directory.write("0001_b.sql", "")
            #expect(throws: MigrationError.duplicate("0001_a", "0001_b")) {
                try Migration.load(directory: directory.path)
            }
            #expect(throws: MigrationError.unreadable(path: directory.path + "/none")) {
                try Migration.load(directory: directory.path + "/none")
            }
        }
        try await withDirectory(["0002_b.sql": ""]) { directory in
            #expect(throws: MigrationError.hole(missing: 1)) {
                try Migration.load(directory: directory.path)
            }
        }
    }
}

@Suite struct MigrationPlanTests {
    private let files = (1...3).map { Migration(version: $0, name: "000\($0)_m", text: "\($0)") }

    private func applied(_ versions: Int...) -> [AppliedMigration] {
        versions.map {
            AppliedMigration(
                version: Int32($0),
                name: "000\($0)_m",
                digest: Migration(version: 1, name: "", text: "\($0)").digest,
                appliedAt: Timestamp(microseconds: 0)
            )
        }
    }

    @Test func `what is not applied is pending`() throws {
        #expect(try MigrationPlan.pending(files: files, applied: []).map(\.version) == [1, 2, 3])
        #expect(
            try MigrationPlan.pending(files: files, applied: applied(1, 2)).map(\.version) == [3]
        )
        #expect(try MigrationPlan.pending(files: files, applied: applied(1, 2, 3)).isEmpty)
    }

    @Test func `what does not fit is refused`() {
        func refusal(_ files: [Migration], _ applied: [AppliedMigration]) -> MigrationError? {
            do {
                _ = try MigrationPlan.pending(files: files, applied: applied)
                return nil
            } catch { return error }
        }
        #expect(refusal(files, applied(1, 2, 3, 4)) == .unknown("0004_m"))
        #expect(refusal([], applied(1)) == .unknown("0001_m"))
        #expect(refusal(files, applied(1, 3)) == .skipped("0002_m"))
        #expect(refusal(files, applied(1, 2, 3, 7)) == .unknown("0007_m"))
        var renamed = files
        renamed[1] = Migration(version: 2, name: "0002_other", text: "2")
        #expect(refusal(renamed, applied(1, 2)) == .missing("0002_m"))
        var changed = files
        changed[0] = Migration(version: 1, name: "0001_m", text: "1 ")
        #expect(refusal(changed, applied(1)) == .changed("0001_m"))
    }

    @Test func `a program takes exactly the database that it was written for`() {
        func refusal(_ required: [String]) -> MigrationError? {
            do {
                try MigrationPlan.verify(required: required, applied: applied(1, 2))
                return nil
            } catch { return error }
        }
        #expect(refusal(["0001_m", "0002_m"]) == nil)
        #expect(refusal(["0001_m"]) == .unknown("0002_m"))
        #expect(refusal(["0001_m", "0002_m", "0003_m"]) == .notApplied(["0003_m"]))
    }
}

@Suite(.enabled(if: TestServer.isConfigured, "FAREBOX_TEST_OWNER_URL is not set"))
struct MigratorTests {
    private func withMigrations(
        _ files: [String: String],
        _ body: (MigrationFiles, _ owner: Database, _ service: Database) async throws -> Void
    ) async throws {
        try await withDirectory(files) { directory in
            try await withDatabase { ownerURL, serviceURL in
                try await withPool(DatabaseConfiguration(url: ownerURL)) { owner in
                    try await withPool(DatabaseConfiguration(url: serviceURL)) { service in
                        try await body(directory, owner, service)
                    }
                }
            }
        }
    }

    @Test func `files are applied once, in order, and their state is told`() async throws {
        try await withMigrations([
            "0001_accounts.sql": accounts,
            "0002_more.sql":
                "INSERT INTO accounts VALUES (2, 'two'); UPDATE accounts SET name = 'x'",
        ]) { directory, owner, service in
            let migrator = try Migrator(directory: directory.path)
            #expect(try await migrator.status(of: owner).map(\.appliedAt) == [nil, nil])
            #expect(
                try await migrator.migrate(owner).map(\.name) == ["0001_accounts", "0002_more"]
            )
            #expect(try await migrator.migrate(owner).isEmpty)

            try directory.write("0003_last.sql", "GRANT SELECT ON accounts TO PUBLIC;")
            let later = try Migrator(directory: directory.path)
            let status = try await later.status(of: owner)
            #expect(status.map { $0.appliedAt != nil } == [true, true, false])
            #expect(try await later.migrate(owner).map(\.name) == ["0003_last"])

            let names = ["0001_accounts", "0002_more", "0003_last"]
            try await Migrator.verify(required: names, in: service)
            let rows = try await service.read { session in
                try session.execute("SELECT name FROM accounts ORDER BY id").map {
                    try $0.get("name", as: String.self)
                }
            }
            #expect(rows == ["x", "x"])
            let error = await #expect(throws: PostgresError.self) {
                try await owner.read { _ = try $0.execute("DELETE FROM accounts") }
            }
            #expect(error?.sqlState == .raisedException)
        }
    }

    @Test func `a database that was never migrated is refused by a program`() async throws {
        try await withMigrations([:]) { _, _, service in
            await #expect(throws: MigrationError.notApplied(["0001_accounts"])) {
                try await Migrator.verify(required: ["0001_accounts"], in: service)
            }
        }
    }

    @Test func `a file that fails leaves nothing behind, and those before it stay`() async throws {
        try await withMigrations([
            "0001_accounts.sql": accounts,
            "0002_bad.sql": "CREATE TABLE half (); INSERT INTO accounts VALUES (1, 'again');",
        ]) { directory, owner, _ in
            let migrator = try Migrator(directory: directory.path)
            let error = await #expect(throws: MigrationError.self) {
                try await migrator.migrate(owner)
            }
            guard case .failed("0002_bad", let message) = error else {
                Issue.record("\(String(describing: error))")
                return
            }
            #expect(message.contains("23505"))
            let isHalfThere: Bool = try await owner.read { session in
                try session.execute("SELECT to_regclass('half') IS NOT NULL AS there").single()
                    .get("there")
            }
            #expect(!isHalfThere)
            #expect(
                try await migrator.status(of: owner).map { $0.appliedAt != nil } == [true, false]
            )

            try directory.write("0002_bad.sql", "CREATE TABLE whole ();")
            let mended = try Migrator(directory: directory.path)
            #expect(try await mended.migrate(owner).count == 1)
        }
    }

    @Test(arguments: ["CREATE TABLE a (); COMMIT", "COMMIT; CREATE TABLE a (); BEGIN"])
    func `a file that ends its own transaction is refused`(text: String) async throws {
        try await withMigrations(["0001_a.sql": text]) { directory, owner, _ in
            let migrator = try Migrator(directory: directory.path)
            let error = await #expect(throws: MigrationError.self) {
                try await migrator.migrate(owner)
            }
            #expect(error.map { "\($0)".contains("ended its own transaction") } == true)
            #expect(try await migrator.status(of: owner).map(\.appliedAt) == [nil])
        }
    }

    @Test func `a changed, a renamed and a missing file are refused`() async throws {
        try await withMigrations([
            "0001_accounts.sql": accounts, "0002_b.sql": "SELECT 1",
        ]) { directory, owner, _ in
            _ = try await Migrator(directory: directory.path).migrate(owner)
            try directory.write("0001_accounts.sql", accounts + "\n")
            await #expect(throws: MigrationError.changed("0001_accounts")) {
                try await Migrator(directory: directory.path).migrate(owner)
            }
            try directory.write("0001_accounts.sql", accounts)
            try directory.remove("0002_b.sql")
            await #expect(throws: MigrationError.unknown("0002_b")) {
                try await Migrator(directory: directory.path).status(of: owner)
            }
            try directory.write("0002_c.sql", "SELECT 1")
            await #expect(throws: MigrationError.missing("0002_b")) {
                try await Migrator(directory: directory.path).migrate(owner)
            }
        }
    }

    @Test func `of two migrators at once, one works and the other finds it done`() async throws {
        try await withMigrations([
            "0001_accounts.sql": accounts, "0002_slow.sql": "SELECT pg_sleep(0.2)",
        ]) { directory, owner, _ in
            let migrator = try Migrator(directory: directory.path)
            let counts = try await withThrowingTaskGroup(of: Int.self) { group in
                for _ in 0..<4 {
                    group.addTask { try await migrator.migrate(owner).count }
                }
                return try await group.reduce(into: [Int]()) { $0.append($1) }
            }
            #expect(counts.sorted() == [0, 0, 0, 2])
        }
    }
}
