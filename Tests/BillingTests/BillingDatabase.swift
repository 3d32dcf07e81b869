import Foundation
import Postgres
import TestSupport

/// An empty Farebox database as the service sees it, migrated by the owner.
func withBillingDatabase(
    connections: Int = 2,
    _ body: (Database) async throws -> Void
) async throws {
    let tests = URL(filePath: #filePath).deletingLastPathComponent().deletingLastPathComponent()
    let migrations = tests.deletingLastPathComponent().appending(path: "migrations")
    try await withDatabase { ownerURL, serviceURL in
        try await withPool(DatabaseConfiguration(url: ownerURL)) { database in
            _ = try await Migrator(directory: migrations.path()).migrate(database)
        }
        var configuration = DatabaseConfiguration(url: serviceURL)
        configuration.connectionsMax = connections
        try await withPool(configuration, body)
    }
}
