import Ledger
import Schema
import Shapes

/// `farebox key …`.
enum KeyCommands {
    static let all = [
        Command(
            words: ["key", "create"],
            summary: "make an API key; its secret is shown once and stored as a hash",
            arguments: ["ACCOUNT"],
            options: [
                .value("--project", "SLUG", "the project that its usage counts for"),
                .value("--name", "TEXT", "what people call it"),
                .value("--models", "GLOB,…", "the only models that it may use"),
                .value("--expires", "DATE", "when it stops to work"),
                .value("--ip", "CIDR,…", "the only addresses that its calls may come from"),
                .value("--max-output-tokens", "N", "the most output that a call may ask for"),
            ] + RateOptions.all + CapOptions.new + [.database, .json],
            run: create
        ),
        Command(
            words: ["key", "list"],
            summary: "show an account's keys",
            arguments: ["ACCOUNT"],
            options: [.database, .json],
            run: list
        ),
        Command(
            words: ["key", "show"],
            summary: "show one key",
            arguments: ["ID"],
            options: [.database, .json],
            run: { try await one($0) { keys, id in try await keys.show(id) } }
        ),
        Command(
            words: ["key", "cap"],
            summary: "change what a key may spend; running calls are not stopped",
            arguments: ["ID"],
            options: CapOptions.changed + [.database, .json],
            run: { invocation in
                let changes = try invocation.limitChanges()
                return try await one(invocation) { keys, id in try await keys.limit(id, changes) }
            }
        ),
        Command(
            words: ["key", "rotate"],
            summary: "give a key a new secret, which is shown once; limits and caps stay",
            arguments: ["ID"],
            options: [
                .value(
                    "--overlap",
                    "DURATION",
                    "how long the old secret works beside it: 30m, 24h, 7d; not at all by default"
                ),
                .database, .json,
            ],
            run: rotate
        ),
        Command(
            words: ["key", "revoke"],
            summary: "end a key for good, everywhere within a second",
            arguments: ["ID"],
            options: [.database, .json],
            run: { try await one($0) { keys, id in try await keys.revoke(id) } }
        ),
    ]

    private static func create(_ invocation: Invocation) async throws -> CommandResult {
        var creation = APIKeys.Creation(account: invocation.argument(0))
        creation.project = invocation["--project"] ?? creation.project
        creation.name = invocation["--name"] ?? creation.name
        creation.expiresAt = try invocation.instant(option: "--expires")
        creation.outputTokensMax = try invocation.integer(
            option: "--max-output-tokens",
            in: 1...TokenUsage.countMax
        )
        creation.limits = try invocation.limits()
        creation.rates = try invocation.rates()
        creation.addresses = try invocation.addressRanges(option: "--ip")
        if let models = invocation["--models"] {
            creation.models = try models.split(separator: ",", omittingEmptySubsequences: false)
                .map { text in
                    guard let pattern = ModelPattern(String(text)) else {
                        throw UsageError("--models: \"\(text)\" may have a * only at its end")
                    }
                    return pattern.description
                }
        }
        let wanted = creation
        return try await CommandDatabase.with(invocation) { database in
            let (key, secret) = try await APIKeys(database).create(wanted, at: SystemClock.now())
            return shownOnce(key, secret)
        }
    }

    private static func rotate(_ invocation: Invocation) async throws -> CommandResult {
        let id = try identifier(invocation)
        let overlap = try invocation.duration(option: "--overlap") ?? .zero
        return try await CommandDatabase.with(invocation) { database in
            let (key, secret) = try await APIKeys(database).rotate(id, overlap: overlap)
            return shownOnce(key, secret)
        }
    }

    private static func shownOnce(_ key: KeySummary, _ secret: APIKeySecret) -> CommandResult {
        var text = """
            \(secret.text)

            This is the only time that the secret is shown. The key is \(key.id).
            """
        if let end = key.retiredSecretsExpireAt {
            text += " The secret that it had before works until \(end)."
        }
        return CommandResult(text: text, json: .key(key, secret: secret.text))
    }

    private static func identifier(_ invocation: Invocation) throws -> KeyID {
        guard let id = KeyID(invocation.argument(0)) else {
            throw UsageError("ID must be a key's identifier, as farebox key list shows it")
        }
        return id
    }

    private static func list(_ invocation: Invocation) async throws -> CommandResult {
        try await CommandDatabase.with(invocation) { database in
            let keys = try await APIKeys(database).list(invocation.argument(0))
            return CommandResult(
                text: table(keys),
                json: .array(keys.map { JSONNode.key($0) })
            )
        }
    }

    private static func one(
        _ invocation: Invocation,
        _ act: (APIKeys, KeyID) async throws -> KeySummary
    ) async throws -> CommandResult {
        let id = try identifier(invocation)
        return try await CommandDatabase.with(invocation) { database in
            let key = try await act(APIKeys(database), id)
            return CommandResult(text: table([key]), json: .key(key))
        }
    }

    private static func table(_ keys: [KeySummary]) -> String {
        var table = Table(
            .left("ID"),
            .left("SECRET"),
            .left("NAME"),
            .left("PROJECT"),
            .left("MODELS"),
            .left("LIMITS"),
            .left("CAPS"),
            .left("EXPIRES"),
            .left("STATUS")
        )
        table.rows = keys.map { key in
            [
                key.id.description, "\(key.prefix)…", key.name, key.projectSlug,
                key.models?.joined(separator: ",") ?? "all",
                key.rates.text,
                key.limits.text(key.currency),
                key.expiresAt?.description ?? "never",
                key.revokedAt.map { "revoked \($0)" } ?? "active",
            ]
        }
        return table.text
    }
}
