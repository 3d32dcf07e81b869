import Glibc
import Postgres

/// The PostgreSQL server that tests run against: a real one, named by the environment.
///
/// `FAREBOX_TEST_OWNER_URL` names a role that is no superuser and may make databases, and
/// `FAREBOX_TEST_DATABASE_URL` the role of the service. Without them the suites are disabled:
/// `@Suite(.enabled(if: TestServer.isConfigured, "FAREBOX_TEST_OWNER_URL is not set"))`.
/// `scripts/lib/postgres.sh` starts a server and sets both.
package enum TestServer {
    package static let isConfigured = getenv("FAREBOX_TEST_OWNER_URL") != nil

    /// The owner's way to the server; throws when the environment does not say it.
    package static func ownerURL() throws -> DatabaseURL {
        try url("FAREBOX_TEST_OWNER_URL")
    }

    /// The service's way to the server; throws when the environment does not say it.
    package static func serviceURL() throws -> DatabaseURL {
        try url("FAREBOX_TEST_DATABASE_URL")
    }

    private static func url(_ name: String) throws -> DatabaseURL {
        guard let text = getenv(name) else { throw MissingEnvironment(name: name) }
        return try DatabaseURL(String(cString: text))
    }

    package struct MissingEnvironment: Error {
        package let name: String
    }
}

/// Makes an empty database, gives its URLs to the closure, and drops it, whatever happens.
///
/// The owner's role owns the database; the service's role may connect, and do what is granted.
package func withDatabase<Value>(
    _ body: (_ ownerURL: DatabaseURL, _ serviceURL: DatabaseURL) async throws -> Value
) async throws -> Value {
    var generator = SystemRandomNumberGenerator()
    let name = "farebox_test_\(String(generator.next(), radix: 16))"
    let ownerURL = try TestServer.ownerURL()
    let serviceURL = try TestServer.serviceURL()

    try await onServer(ownerURL) { session in
        _ = try session.execute("CREATE DATABASE \(identifier: name)")
    }
    let result: Result<Value, any Error>
    do {
        result = .success(
            try await body(ownerURL.naming(database: name), serviceURL.naming(database: name))
        )
    } catch {
        result = .failure(error)
    }
    try await onServer(ownerURL) { session in
        // A test that failed may have left connections behind; those of the service end first,
        // for only a member of their role could force them out with the database.
        _ = try session.execute(
            """
            SELECT pg_terminate_backend(pid, 5000) FROM pg_stat_activity
            WHERE datname = \(name) AND pid <> pg_backend_pid()
                AND backend_type = 'client backend'
            """
        )
        _ = try session.execute("DROP DATABASE \(identifier: name) WITH (FORCE)")
    }
    return try result.get()
}

/// Runs a closure with a pool of its own and closes the pool, whatever happens.
package func withPool<Value>(
    _ configuration: DatabaseConfiguration,
    _ body: (Database) async throws -> Value
) async throws -> Value {
    let database = Database(configuration)
    do {
        let value = try await body(database)
        await database.close()
        return value
    } catch {
        await database.close()
        throw error
    }
}

private func onServer(
    _ url: DatabaseURL,
    _ body: @escaping @Sendable (Session) throws -> Void
) async throws {
    var configuration = DatabaseConfiguration(url: url)
    configuration.connectionsMax = 1
    configuration.applicationName = "farebox tests"
    try await withPool(configuration) { try await $0.read(body) }
}

/// Waits until a condition holds; false when it does not within a generous time.
package func eventually(
    within limit: Duration = .seconds(90),
    _ condition: () async throws -> Bool
) async rethrows -> Bool {
    let deadline = ContinuousClock.now.advanced(by: limit)
    while true {
        if try await condition() { return true }
        if ContinuousClock.now > deadline { return false }
        try? await Task.sleep(for: .milliseconds(10))
    }
}
