import Foundation
import Postgres
import TestSupport

/// An empty Farebox database as the service sees it, migrated by the owner.
func withBillingDatabase(
    connections: Int = 2,
    _ body: (Database) async throws -> Void
) async throws {
    try await withOwnedBillingDatabase(connections: connections) { database, _ in
        try await body(database)
    }
}

/// An empty Farebox database as the service sees it, and as its owner does.
func withOwnedBillingDatabase(
    connections: Int = 2,
    _ body: (_ service: Database, _ owner: Database) async throws -> Void
) async throws {
    let tests = URL(filePath: #filePath).deletingLastPathComponent().deletingLastPathComponent()
    let migrations = tests.deletingLastPathComponent().appending(path: "migrations")
    try await withDatabase { ownerURL, serviceURL in
        try await withPool(DatabaseConfiguration(url: ownerURL)) { owner in
            _ = try await Migrator(directory: migrations.path()).migrate(owner)
            var configuration = DatabaseConfiguration(url: serviceURL)
            configuration.connectionsMax = connections
            // All tests begin at once, on few processors.
            configuration.connectTimeout = .seconds(60)
            configuration.queueTimeout = .seconds(60)
            try await withPool(configuration) { service in try await body(service, owner) }
        }
    }
}
