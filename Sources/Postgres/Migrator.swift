/// Brings a database to the state that a directory of migrations describes.
///
/// Each file is applied in a transaction of its own and recorded with its digest. A lock of the
/// session keeps migrators apart, so the owner's connection must be direct, not pooled by
/// transaction. What cannot run in a transaction, as CREATE INDEX CONCURRENTLY, cannot be used.
package struct Migrator: Sendable {
    /// All migrations, in order.
    package let migrations: [Migration]

    /// Reads the files of a directory; see `Migration.load`.
    package init(directory: String) throws(MigrationError) {
        migrations = try Migration.load(directory: directory)
    }

    /// One migration, and when it was applied, if it was.
    package struct Status: Sendable, Equatable {
        package let name: String
        package let appliedAt: Timestamp?
    }

    /// Which migrations the database has; throws when they do not fit the files.
    package func status(of database: Database) async throws(MigrationError) -> [Status] {
        let applied = try await database.migrationStep { session in
            try readApplied(session)
        }
        _ = try MigrationPlan.pending(files: migrations, applied: applied)
        return migrations.enumerated().map { index, migration in
            Status(
                name: migration.name,
                appliedAt: index < applied.count ? applied[index].appliedAt : nil
            )
        }
    }

    /// Applies what is missing and returns it; waits while another migrator is at work.
    ///
    /// Needs the role that owns the schema. What was applied before a failure stays applied.
    package func migrate(_ database: Database) async throws(MigrationError) -> [Migration] {
        let migrations = migrations
        return try await database.migrationStep { session in
            _ = try session.execute("SELECT pg_advisory_lock(\(lockKey))")
            defer { _ = try? session.execute("SELECT pg_advisory_unlock(\(lockKey))") }
            try session.script(createTable)
            let applied = try readApplied(session)
            let pending = try MigrationPlan.pending(files: migrations, applied: applied)
            for migration in pending { try apply(migration, session) }
            return Array(pending)
        }
    }

    /// Throws unless the database has exactly the migrations that this program was written for.
    ///
    /// May be asked by any role, without the files.
    package static func verify(
        required: [String],
        in database: Database
    ) async throws(MigrationError) {
        let applied = try await database.migrationStep { session in
            try readApplied(session)
        }
        try MigrationPlan.verify(required: required, applied: applied)
    }
}

/// "migrate", as a number that no other advisory lock is likely to have.
private let lockKey: Int64 = 0x6d69_6772_6174_6500

private let createTable = """
    CREATE TABLE IF NOT EXISTS schema_migrations (
        version integer PRIMARY KEY CHECK (version > 0),
        name text NOT NULL UNIQUE,
        sha256 text NOT NULL CHECK (sha256 ~ '^[0-9a-f]{64}$'),
        applied_at timestamptz NOT NULL DEFAULT clock_timestamp()
    );
    GRANT SELECT ON schema_migrations TO PUBLIC;
    """

private func readApplied(_ session: Session) throws(PostgresError) -> [AppliedMigration] {
    let table = try session.execute("SELECT to_regclass('schema_migrations') IS NULL AS missing")
    if try table.single().get("missing", as: Bool.self) { return [] }
    let rows = try session.execute(
        "SELECT version, name, sha256, applied_at FROM schema_migrations ORDER BY version"
    )
    var applied: [AppliedMigration] = []
    for row in rows {
        applied.append(
            AppliedMigration(
                version: try row.get("version"),
                name: try row.get("name"),
                digest: try row.get("sha256"),
                appliedAt: try row.get("applied_at")
            )
        )
    }
    return applied
}

private func apply(_ migration: Migration, _ session: Session) throws(MigrationError) {
    do {
        try session.transaction { session in
            let before = try transactionID(session)
            try session.script(migration.text)
            guard try transactionID(session) == before else {
                throw PostgresError(.misuse, phase: .body, "it ended its own transaction")
            }
            _ = try session.execute(
                """
                INSERT INTO schema_migrations (version, name, sha256)
                VALUES (\(migration.version), \(migration.name), \(migration.digest))
                """
            )
        }
    } catch {
        throw .failed(migration.name, message: "\(error)")
    }
}

private func transactionID(_ session: Session) throws(PostgresError) -> String {
    try session.execute("SELECT pg_current_xact_id()::text AS id").single().get("id")
}

extension Database {
    /// Runs a closure on one session and gives its errors a migration's shape.
    fileprivate func migrationStep<Value: Sendable>(
        _ body: @escaping @Sendable (Session) throws -> Value
    ) async throws(MigrationError) -> Value {
        do {
            return try await read(body)
        } catch let error as MigrationError {
            throw error
        } catch is CancellationError {
            throw .cancelled
        } catch {
            throw .database(message: "\(error)")
        }
    }
}
