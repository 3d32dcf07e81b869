import Ledger
import Schema

extension JSONNode {
    /// An endpoint of webhooks, and how it does.
    ///
    /// - Parameter secret: shown once, when the endpoint is made.
    package static func webhook(
        _ endpoint: WebhookEndpoint,
        secret: WebhookSecret? = nil
    ) -> JSONNode {
        .object(
            [("id", .text(endpoint.id.description))]
                + (secret.map { [("secret", .text($0.text))] } ?? [])
                + [
                    ("url", .text(endpoint.url)), ("account", .optional(endpoint.account)),
                    ("kinds", .array(endpoint.kinds.map(JSONNode.text))),
                    ("private", .flag(endpoint.isPrivate)),
                    ("state", .text(endpoint.state.rawValue)),
                    ("pending", .integer(endpoint.pending)),
                    ("created_at", .instant(endpoint.createdAt)),
                    ("last_success_at", .instant(endpoint.lastSuccessAt)),
                    ("last_failure_at", .instant(endpoint.lastFailureAt)),
                    ("last_failure", .optional(endpoint.lastFailure)),
                    ("failing_since", .instant(endpoint.failingSince)),
                ]
        )
    }

    /// A message of the outbox, and how many endpoints have it.
    package static func webhookMessage(_ message: WebhookMessage) -> JSONNode {
        .object([
            ("id", .text(message.name)), ("account", .optional(message.account)),
            ("kind", .text(message.kind)), ("created_at", .instant(message.createdAt)),
            ("pending", .integer(message.pending)), ("delivered", .integer(message.delivered)),
            ("given_up", .integer(message.givenUp)),
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
