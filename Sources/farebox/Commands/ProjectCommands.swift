import Ledger
import Schema
import Shapes

/// `farebox project …`.
enum ProjectCommands {
    static let all = [
        Command(
            words: ["project", "create"],
            summary: "make a part of an account to tell usage by",
            arguments: ["ACCOUNT", "SLUG"],
            options: CapOptions.new + [.database, .json],
            run: create
        ),
        Command(
            words: ["project", "list"],
            summary: "show an account's projects",
            arguments: ["ACCOUNT"],
            options: [.database, .json],
            run: list
        ),
        Command(
            words: ["project", "cap"],
            summary: "change what a project may spend; running calls are not stopped",
            arguments: ["ACCOUNT", "SLUG"],
            options: CapOptions.changed + [.database, .json],
            run: cap
        ),
    ]

    private static func create(_ invocation: Invocation) async throws -> CommandResult {
        let limits = try invocation.limits()
        return try await CommandDatabase.with(invocation) { database in
            let project = try await Projects(database).create(
                invocation.argument(1),
                in: invocation.argument(0),
                limits: limits,
                at: SystemClock.now()
            )
            return result([project], json: .project(project))
        }
    }

    private static func list(_ invocation: Invocation) async throws -> CommandResult {
        try await CommandDatabase.with(invocation) { database in
            let list = try await Projects(database).list(invocation.argument(0))
            return result(list, json: .array(list.map(JSONNode.project)))
        }
    }

    private static func cap(_ invocation: Invocation) async throws -> CommandResult {
        let changes = try invocation.limitChanges()
        return try await CommandDatabase.with(invocation) { database in
            let project = try await Projects(database).limit(
                invocation.argument(1),
                of: invocation.argument(0),
                changes
            )
            return result([project], json: .project(project))
        }
    }

    private static func result(_ list: [ProjectSummary], json: JSONNode) -> CommandResult {
        var table = Table(.left("PROJECT"), .left("ID"), .left("CAPS"), .left("CREATED"))
        table.rows = list.map { project in
            [
                project.slug, project.id.description, project.limits.text(project.currency),
                project.createdAt.description,
            ]
        }
        return CommandResult(text: table.text, json: json)
    }
}
