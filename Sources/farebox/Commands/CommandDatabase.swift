import Glibc
import Ledger
import Postgres

/// The database that a command works on.
enum CommandDatabase {
    /// Opens the service's database, gives it to the body, and closes it.
    static func with<Value: Sendable>(
        _ invocation: Invocation,
        _ body: (Database) async throws -> Value
    ) async throws -> Value {
        let act = Act(actor: "command line of \(userName)", name: invocation.name)
        return try await Act.$current.withValue(act) {
            try await with(url: invocation["--database"] ?? Settings.current.databaseURL, body)
        }
    }

    /// Opens the owner's database, which migrates.
    static func withOwner<Value: Sendable>(
        _ invocation: Invocation,
        _ body: (Database) async throws -> Value
    ) async throws -> Value {
        try await with(url: invocation["--database"] ?? Settings.current.ownerURL, body)
    }

    /// Who runs the process, by the system's list of users.
    private static var userName: String {
        guard let entry = getpwuid(getuid()), let name = entry.pointee.pw_name else {
            return "user \(getuid())"
        }
        return String(cString: name)
    }

    private static func with<Value: Sendable>(
        url: String?,
        _ body: (Database) async throws -> Value
    ) async throws -> Value {
        guard let url else {
            throw UsageError("set DATABASE_URL or give --database postgresql://…")
        }
        var configuration = DatabaseConfiguration(url: try DatabaseURL(url))
        configuration.applicationName = "farebox command"
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
}
