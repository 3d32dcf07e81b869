import Ledger
import Schema
import Shapes

/// `farebox webhook …`: where alerts go.
enum WebhookCommands {
    static let all = [
        Command(
            words: ["webhook", "create"],
            summary: "have alerts sent to a URL; the secret of their signatures is shown once",
            arguments: ["URL"],
            options: [
                .value("--account", "SLUG", "the one account that it is told of; all by default"),
                .value("--kinds", "KIND,…", "what it is told of; everything by default"),
                .flag("--private", "it may be inside of your networks, and without TLS"),
                .database, .json,
            ],
            run: create
        ),
        Command(
            words: ["webhook", "list"],
            summary: "show where alerts go, and whether they arrive",
            options: [.database, .json],
            run: list
        ),
        Command(
            words: ["webhook", "rotate"],
            summary: "give an endpoint another secret, shown once",
            arguments: ["ID"],
            options: [
                .value(
                    "--overlap",
                    "DURATION",
                    "how long messages are signed with the old secret too: 30m, 7d; 24h by default"
                ),
                .database, .json,
            ],
            run: rotate
        ),
        state("disable", .disabled, "send nothing more to an endpoint; what comes up waits"),
        state("enable", .enabled, "send to an endpoint again, also what waits for it"),
        state("delete", .deleted, "forget an endpoint and its secret for good"),
    ]

    private static func state(
        _ word: String,
        _ state: WebhookEndpoint.State,
        _ summary: String
    ) -> Command {
        Command(
            words: ["webhook", word],
            summary: summary,
            arguments: ["ID"],
            options: [.database, .json]
        ) { invocation in
            let id = try identifier(invocation)
            return try await CommandDatabase.with(invocation) { database in
                let endpoint = try await WebhookEndpoints(database).setState(state, of: id)
                return CommandResult(text: table([endpoint]), json: .webhook(endpoint))
            }
        }
    }

    private static func create(_ invocation: Invocation) async throws -> CommandResult {
        var creation = WebhookEndpoints.Creation(url: invocation.argument(0))
        creation.account = invocation["--account"]
        creation.kinds = try kinds(invocation)
        creation.isPrivate = invocation.has("--private")
        let wanted = creation
        return try await CommandDatabase.with(invocation) { database in
            let (endpoint, secret) = try await WebhookEndpoints(database).create(
                wanted,
                at: SystemClock.now()
            )
            return CommandResult(
                text: """
                    \(secret.text)

                    This is the only time that the secret is shown. The endpoint is \(endpoint.id).
                    """,
                json: .webhook(endpoint, secret: secret)
            )
        }
    }

    private static func kinds(_ invocation: Invocation) throws -> [AlertKind] {
        guard let text = invocation["--kinds"] else { return [] }
        return try text.split(separator: ",", omittingEmptySubsequences: false).map { part in
            guard let kind = AlertKind(rawValue: String(part)) else {
                let kinds = AlertKind.allCases.map(\.rawValue).joined(separator: ", ")
                throw UsageError("--kinds has some of \(kinds), not \"\(part)\"")
            }
            return kind
        }
    }

    private static func list(_ invocation: Invocation) async throws -> CommandResult {
        try await CommandDatabase.with(invocation) { database in
            let endpoints = try await WebhookEndpoints(database).list()
            return CommandResult(
                text: table(endpoints),
                json: .array(endpoints.map { JSONNode.webhook($0) })
            )
        }
    }

    private static func rotate(_ invocation: Invocation) async throws -> CommandResult {
        let id = try identifier(invocation)
        let overlap = try invocation.duration(option: "--overlap") ?? .seconds(86_400)
        return try await CommandDatabase.with(invocation) { database in
            let (endpoint, secret) = try await WebhookEndpoints(database).rotate(
                id,
                overlapSeconds: overlap.components.seconds,
                at: SystemClock.now()
            )
            return CommandResult(
                text: """
                    \(secret.text)

                    This is the only time that the secret is shown.
                    """,
                json: .webhook(endpoint, secret: secret)
            )
        }
    }

    private static func identifier(_ invocation: Invocation) throws -> WebhookEndpointID {
        guard let id = WebhookEndpointID(invocation.argument(0)) else {
            throw UsageError("ID must be an endpoint's, as farebox webhook list shows it")
        }
        return id
    }

    private static func table(_ endpoints: [WebhookEndpoint]) -> String {
        var table = Table(
            .left("ID"),
            .left("URL"),
            .left("ACCOUNT"),
            .left("KINDS"),
            .left("STATE"),
            .right("PENDING"),
            .left("FAILING SINCE"),
            .left("LAST FAILURE")
        )
        table.rows = endpoints.map { endpoint in
            [
                endpoint.id.description, endpoint.url, endpoint.account ?? "all",
                endpoint.kinds.isEmpty ? "all" : endpoint.kinds.joined(separator: ","),
                endpoint.state.rawValue, String(endpoint.pending),
                endpoint.failingSince?.description ?? "", endpoint.lastFailure ?? "",
            ]
        }
        return table.text
    }
}
