import Ledger
import Schema
import Shapes

/// `farebox webhook messages`, `deliveries` and `redeliver`: what endpoints were told.
enum WebhookMessageCommands {
    static let all = [
        Command(
            words: ["webhook", "messages"],
            summary: "show the newest messages, and how many endpoints have them",
            options: [.value("--account", "SLUG", "those of one account"), .database, .json],
            run: messages
        ),
        Command(
            words: ["webhook", "deliveries"],
            summary: "show what became of a message at each endpoint, attempt by attempt",
            arguments: ["MESSAGE"],
            options: [.database, .json],
            run: deliveries
        ),
        Command(
            words: ["webhook", "redeliver"],
            summary: "send a message again, under its identifier, to all that it was for",
            arguments: ["MESSAGE"],
            options: [.database, .json],
            run: redeliver
        ),
    ]

    private static func messages(_ invocation: Invocation) async throws -> CommandResult {
        try await CommandDatabase.with(invocation) { database in
            let messages = try await WebhookMessages(database).list(
                account: invocation["--account"]
            )
            var table = Table(
                .left("MESSAGE"),
                .left("KIND"),
                .left("ACCOUNT"),
                .left("CREATED"),
                .right("DELIVERED"),
                .right("PENDING"),
                .right("GIVEN UP")
            )
            table.rows = messages.map { message in
                [
                    message.name, message.kind, message.account ?? "none",
                    message.createdAt.description, String(message.delivered),
                    String(message.pending), String(message.givenUp),
                ]
            }
            return CommandResult(
                text: table.text,
                json: .array(messages.map { JSONNode.webhookMessage($0) })
            )
        }
    }

    private static func deliveries(_ invocation: Invocation) async throws -> CommandResult {
        let id = try message(invocation)
        return try await CommandDatabase.with(invocation) { database in
            let whole = try await WebhookMessages(database).show(id)
            var table = Table(
                .left("ENDPOINT"),
                .left("STATE"),
                .right("ATTEMPT"),
                .left("AT"),
                .right("MILLISECONDS"),
                .left("END")
            )
            table.rows = whole.deliveries.flatMap(rows)
            return CommandResult(text: table.text, json: .webhookMessage(whole))
        }
    }

    private static func rows(_ delivery: WebhookDelivery) -> [[String]] {
        let place = [delivery.endpoint.description, delivery.state.rawValue]
        guard !delivery.attempts.isEmpty else { return [place + ["", "", "", ""]] }
        return delivery.attempts.map { attempt in
            place + [
                String(attempt.number), attempt.at.description, String(attempt.milliseconds),
                attempt.failure ?? attempt.status.map { String($0) } ?? "",
            ]
        }
    }

    private static func redeliver(_ invocation: Invocation) async throws -> CommandResult {
        let id = try message(invocation)
        return try await CommandDatabase.with(invocation) { database in
            let count = try await WebhookEndpoints(database).redeliver(id, at: SystemClock.now())
            return CommandResult(
                text: "It is sent again to \(count) endpoints.",
                json: .redelivery(of: id, endpoints: count)
            )
        }
    }

    private static func message(_ invocation: Invocation) throws -> AlertID {
        guard let id = WebhookMessage.identifier(invocation.argument(0)) else {
            throw UsageError("MESSAGE must be a message's, as farebox webhook messages shows it")
        }
        return id
    }
}
