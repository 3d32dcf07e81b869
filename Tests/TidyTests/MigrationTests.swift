import Foundation
import Testing

/// The rules of the database's layout.
@Suite struct MigrationTests {
    /// Small tables that every shard may have a copy of: their keys need not begin with an account.
    static let referenceTables: Set<String> = [
        "accounts", "admin_sessions", "admin_tokens", "audit_entries", "document_numbers",
        "incarnations", "instances", "issuers", "plans", "plan_revisions", "price_versions",
        "prices", "price_fees", "price_models", "projections", "verification_runs",
        "webhook_endpoints", "webhook_health", "webhook_secrets",
    ]

    @Test func `migrations are numbered without a gap`() throws {
        let names = try SourceTree.files(under: "migrations", ending: ".sql").map(\.path)
        for (index, name) in names.enumerated() {
            let number = String(repeating: "0", count: 4 - String(index + 1).count) + "\(index + 1)"
            #expect(name.hasPrefix("migrations/\(number)_"), "\(name)")
        }
        #expect(!names.isEmpty)
    }

    @Test func `every unique key of an account's table begins with the account`() throws {
        var tables: Set<String> = []
        let key = /(?:PRIMARY KEY|UNIQUE) \(([a-z_]+)/
        let inline = /^ +([a-z_]+) [a-z]+.*(?:PRIMARY KEY|UNIQUE)(?: |,|$)/
        let index = /CREATE UNIQUE INDEX [a-z_]+ ON ([a-z_]+) \(([a-z_]+)/
        for file in try SourceTree.files(under: "migrations", ending: ".sql") {
            var table = ""
            for line in file.lines {
                if let match = line.firstMatch(of: /CREATE TABLE ([a-z_]+)/) {
                    table = String(match.1)
                    tables.insert(table)
                }
                if let match = line.firstMatch(of: index) {
                    let isReference = Self.referenceTables.contains(String(match.1))
                    #expect(match.2 == "account_id" || isReference, "\(file.path): \(line)")
                }
                if Self.referenceTables.contains(table) { continue }
                if let match = line.firstMatch(of: key) {
                    #expect(match.1 == "account_id", "\(file.path): \(line)")
                } else if let match = line.firstMatch(of: inline) {
                    #expect(match.1 == "account_id", "\(file.path): \(line)")
                }
            }
        }
        #expect(tables.isSuperset(of: ["events", "account_heads", "leases"]))
    }

    @Test func `no event, lease or head is numbered by a sequence`() throws {
        for file in try SourceTree.files(under: "migrations", ending: ".sql") {
            let text = file.text.lowercased()
            for word in ["serial", "nextval", "generated always as identity"] {
                #expect(!text.contains(word), "\(file.path) uses \(word)")
            }
        }
    }
}
