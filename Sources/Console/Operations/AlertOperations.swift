import Ledger
import Schema
import Shapes

/// What was told to endpoints, and what an account's owner wants to be told.
enum AlertOperations {
    static let routes: [Route] = [
        .get(
            "webhook-messages",
            "webhook messages",
            query: ["account", "cursor", "limit"],
            messages
        ),
        .get("webhook-messages/{message}", "webhook message") { call in
            APIAnswer(.webhookMessage(try await call.services.messages.show(try call.message())))
        },
        .post(
            "webhook-messages/{message}/redeliver",
            "webhook redeliver",
            .operate,
            hasBody: false
        ) { call in
            let id = try call.message()
            let count = try await call.services.webhooks.redeliver(id, at: call.now)
            return APIAnswer(.redelivery(of: id, endpoints: count))
        },
        .get("accounts/{account}/alerts", "alert show") { call in
            answer(try await alerts(call))
        },
        .patch("accounts/{account}/alerts", "alert set", set),
    ]

    private static func messages(_ call: APICall) async throws -> APIAnswer {
        let limit = try call.limit()
        let found = try await call.services.messages.list(
            account: try call.slug("account"),
            before: try call.messageCursor(),
            limit: Int64(limit) + 1
        )
        let page = Page(found, after: nil, limit: limit, name: \.name)
        return APIAnswer(page.json { JSONNode.webhookMessage($0) })
    }

    private static func set(_ call: APICall) async throws -> APIAnswer {
        let changes = try changes(call.body)
        let before = try await alerts(call)
        try call.requireMatch(tag(before))
        try await call.services.alerts.change(
            changes,
            of: before.account.slug,
            at: call.now,
            ifUnchanged: call.ifMatch == nil ? nil : before.alerts
        )
        return answer(try await alerts(call))
    }

    /// What is missing stays, and `null` takes an alert away.
    private static func changes(_ body: APIBody) throws -> AccountAlertChanges {
        try body.allow(only: "low_balance", "runway_days", "anomaly_percent", "unused_days")
        var changes = AccountAlertChanges()
        if body.has("low_balance") { changes.lowBalance = .some(try body.amount("low_balance")) }
        changes.runwayDays = try number("runway_days", in: AccountAlerts.daysBounds, body)
        changes.anomalyPercent = try number(
            "anomaly_percent",
            in: AccountAlerts.percentBounds,
            body
        )
        changes.unusedDays = try number("unused_days", in: AccountAlerts.daysBounds, body)
        guard changes != AccountAlertChanges() else {
            throw Problem(400, "name at least one alert that is to change")
        }
        return changes
    }

    private static func number(
        _ name: String,
        in range: ClosedRange<Int64>,
        _ body: APIBody
    ) throws -> Int64?? {
        body.has(name) ? .some(try body.integer(name, in: range)) : nil
    }

    private typealias Alerts = (account: AccountSummary, alerts: AccountAlerts)

    private static func alerts(_ call: APICall) async throws -> Alerts {
        let account = try await call.services.accounts.show(call.account)
        return (account, try await call.services.alerts.alerts(of: account.slug))
    }

    private static func tag(_ found: Alerts) -> String {
        EntityTag.of(.alerts(of: found.account, found.alerts))
    }

    private static func answer(_ found: Alerts) -> APIAnswer {
        APIAnswer(.alerts(of: found.account, found.alerts), tag: tag(found))
    }
}

extension APICall {
    /// The message that the path names.
    fileprivate func message() throws -> AlertID {
        let text = places["message"] ?? ""
        guard let id = WebhookMessage.identifier(text), WebhookMessage.name(of: id) == text else {
            throw Problem(404, "no such message")
        }
        return id
    }

    /// The message that a page begins behind.
    func messageCursor() throws -> AlertID? {
        guard let text = try cursor(.message) else { return nil }
        return WebhookMessage.identifier(text)
    }
}
