import Postgres
import Schema
import Shapes

/// `farebox migrate`: brings the database to what this version of Farebox knows.
enum MigrateCommand {
    static let all = [
        Command(
            words: ["migrate"],
            summary: "apply the migrations that the database does not have yet",
            options: [
                .flag("--status", "show which are applied, and change nothing"), .database, .json,
            ],
            run: run
        )
    ]

    private static func run(_ invocation: Invocation) async throws -> CommandResult {
        let migrator = try Migrator(directory: Settings.current.migrationsPath)
        return try await CommandDatabase.withOwner(invocation) { database in
            if !invocation.has("--status") {
                let applied = try await migrator.migrate(database)
                let text =
                    applied.isEmpty
                    ? "Nothing to do: the database has all \(migrator.migrations.count) migrations."
                    : applied.map { "applied \($0.name)" }.joined(separator: "\n")
                return CommandResult(text: text, json: applied.map { .text($0.name) })
            }
            var table = Table(.left("MIGRATION"), .left("APPLIED"))
            var nodes: [JSONNode] = []
            for status in try await migrator.status(of: database) {
                let instant = status.appliedAt.map { Instant(microseconds: $0.microseconds) }
                table.rows.append([status.name, instant?.description ?? "not yet"])
                nodes.append(
                    .object([
                        ("name", .text(status.name)),
                        ("applied_at", .optional(instant?.description)),
                    ])
                )
            }
            return CommandResult(text: table.text, json: [.array(nodes)])
        }
    }
}
