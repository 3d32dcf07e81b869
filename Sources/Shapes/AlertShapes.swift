import Ledger
import Schema

extension JSONNode {
    /// An endpoint of webhooks, and how it does.
    ///
    /// - Parameters:
    ///   - secret: shown once, when the endpoint is made or its secret rotated.
    ///   - hidesPath: shows no more of the URL than its host, for what follows may be a secret.
    package static func webhook(
        _ endpoint: WebhookEndpoint,
        secret: WebhookSecret? = nil,
        hidesPath: Bool = false
    ) -> JSONNode {
        .object(
            [("id", .text(endpoint.id.description))]
                + (secret.map { [("secret", .text($0.text))] } ?? [])
                + [
                    ("url", .text(hidesPath ? endpoint.place : endpoint.url)),
                    ("account", .optional(endpoint.account)),
                    ("kinds", .array(endpoint.kinds.map(JSONNode.text))),
                    ("private", .flag(endpoint.isPrivate)),
                    ("state", .text(endpoint.state.rawValue)),
                    ("pending", .integer(endpoint.pending)),
                    ("created_at", .instant(endpoint.createdAt)),
                    ("secret_rotated_at", .instant(endpoint.secretRotatedAt)),
                    ("last_success_at", .instant(endpoint.lastSuccessAt)),
                    ("last_failure_at", .instant(endpoint.lastFailureAt)),
                    ("last_failure", .optional(endpoint.lastFailure)),
                    ("failing_since", .instant(endpoint.failingSince)),
                ]
        )
    }

    /// A message of the outbox, and how many endpoints have it.
    package static func webhookMessage(_ message: WebhookMessage) -> JSONNode {
        .object(fields(message))
    }

    /// A message with what it says, and what became of it at each endpoint.
    package static func webhookMessage(_ whole: WebhookMessage.Whole) -> JSONNode {
        .object(
            fields(whole.message) + [
                ("body", .raw(whole.body)),
                ("deliveries", .array(whole.deliveries.map(JSONNode.webhookDelivery))),
            ]
        )
    }

    private static func fields(_ message: WebhookMessage) -> [(String, JSONNode)] {
        [
            ("id", .text(message.name)), ("account", .optional(message.account)),
            ("kind", .text(message.kind)), ("created_at", .instant(message.createdAt)),
            ("pending", .integer(message.pending)), ("delivered", .integer(message.delivered)),
            ("given_up", .integer(message.givenUp)),
        ]
    }

    /// How a message fares at one endpoint; the newest attempt comes first.
    package static func webhookDelivery(_ delivery: WebhookDelivery) -> JSONNode {
        .object([
            ("message", .text(WebhookMessage.name(of: delivery.message))),
            ("kind", .text(delivery.kind)), ("endpoint", .text(delivery.endpoint.description)),
            ("state", .text(delivery.state.rawValue)),
            ("attempt_count", .integer(Int64(delivery.attemptCount))),
            ("due_at", .instant(delivery.dueAt)),
            ("attempts", .array(delivery.attempts.map(attempt))),
        ])
    }

    private static func attempt(_ attempt: WebhookDelivery.Attempt) -> JSONNode {
        .object([
            ("attempt", .integer(Int64(attempt.number))), ("at", .instant(attempt.at)),
            ("status", attempt.status.map { .integer(Int64($0)) } ?? .null),
            ("failure", .optional(attempt.failure)),
            ("milliseconds", .integer(attempt.milliseconds)),
        ])
    }

    /// To how many endpoints a message is sent again.
    package static func redelivery(of message: AlertID, endpoints: Int) -> JSONNode {
        .object([
            ("id", .text(WebhookMessage.name(of: message))),
            ("endpoints", .integer(Int64(endpoints))),
        ])
    }

    /// What an account's owner is told of; `null` for no such alert.
    package static func alerts(of account: AccountSummary, _ alerts: AccountAlerts) -> JSONNode {
        .object([
            ("account", .text(account.slug)), ("currency", .text(account.currency.code)),
            ("low_balance", alerts.lowBalance.map { .money($0, account.currency) } ?? .null),
            ("runway_days", alerts.runwayDays.map(JSONNode.integer) ?? .null),
            ("anomaly_percent", alerts.anomalyPercent.map(JSONNode.integer) ?? .null),
            ("unused_days", alerts.unusedDays.map(JSONNode.integer) ?? .null),
        ])
    }
}
