import Ledger
import Schema
import Shapes

/// `farebox token …`: who may use the console, and as what.
enum TokenCommands {
    static let all = [
        Command(
            words: ["token", "create"],
            summary: "make a token for the console; its secret is shown once and stored as a hash",
            options: [
                .value("--role", "operator|finance|viewer|account", "what it is good for"),
                .value(
                    "--account",
                    "SLUG",
                    "the one account that a token of the role account sees"
                ),
                .value("--name", "TEXT", "whose it is"),
                .value("--expires", "DATE", "when it stops to work"),
                .database, .json,
            ],
            run: create
        ),
        Command(
            words: ["token", "list"],
            summary: "show the tokens of the console",
            options: [.database, .json],
            run: list
        ),
        Command(
            words: ["token", "revoke"],
            summary: "end a token for good, at once",
            arguments: ["ID"],
            options: [.database, .json],
            run: revoke
        ),
    ]

    private static func create(_ invocation: Invocation) async throws -> CommandResult {
        guard let role = invocation["--role"].flatMap(AdminRole.init) else {
            let roles = AdminRole.allCases.map(\.rawValue).joined(separator: ", ")
            throw UsageError("--role must be one of \(roles)")
        }
        var creation = AdminTokens.Creation(role: role)
        creation.account = invocation["--account"]
        creation.name = invocation["--name"] ?? ""
        creation.expiresAt = try invocation.instant(option: "--expires")
        guard (role == .account) == (creation.account != nil) else {
            throw UsageError("--role account needs --account SLUG, and no other role takes it")
        }
        let wanted = creation
        return try await CommandDatabase.with(invocation) { database in
            let (token, secret) = try await AdminTokens(database).create(
                wanted,
                at: SystemClock.now()
            )
            return CommandResult(
                text: """
                    \(secret.text)

                    This is the only time that the secret is shown. The token is \(token.id).
                    """,
                json: .token(token, secret: secret.text)
            )
        }
    }

    private static func list(_ invocation: Invocation) async throws -> CommandResult {
        try await CommandDatabase.with(invocation) { database in
            let tokens = try await AdminTokens(database).list()
            return CommandResult(
                text: table(tokens),
                json: .array(tokens.map { JSONNode.token($0) })
            )
        }
    }

    private static func revoke(_ invocation: Invocation) async throws -> CommandResult {
        guard let id = AdminTokenID(invocation.argument(0)) else {
            throw UsageError("ID must be a token's identifier, as farebox token list shows it")
        }
        return try await CommandDatabase.with(invocation) { database in
            let token = try await AdminTokens(database).revoke(id)
            return CommandResult(text: table([token]), json: .token(token))
        }
    }

    private static func table(_ tokens: [AdminToken]) -> String {
        var table = Table(
            .left("ID"),
            .left("SECRET"),
            .left("ROLE"),
            .left("ACCOUNT"),
            .left("NAME"),
            .left("EXPIRES"),
            .left("STATUS")
        )
        table.rows = tokens.map { token in
            [
                token.id.description, "\(token.prefix)…", token.role.rawValue,
                token.account ?? "all", token.name, token.expiresAt?.description ?? "never",
                token.revokedAt.map { "revoked \($0)" } ?? "active",
            ]
        }
        return table.text
    }
}
