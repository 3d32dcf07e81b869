import Ledger
import Schema
import Shapes

/// Where alerts go: the endpoints of webhooks.
enum WebhookOperations {
    /// How long messages are signed with an old secret too, unless somebody says otherwise.
    static let overlapSeconds: Int64 = 86_400

    static let routes: [Route] = [
        .get("webhooks", "webhook list", query: ["cursor", "limit"]) { call in
            try call.page(
                try await call.services.webhooks.list(),
                by: .identifier,
                name: \.id.description
            ) { endpoint in node(endpoint, call) }
        },
        .post("webhooks", "webhook create", .operate, create),
        .get("webhooks/{webhook}", "webhook show") { call in
            let id = try call.identifier("webhook") as WebhookEndpointID
            return APIAnswer(node(try await call.services.webhooks.show(id), call))
        },
        .post("webhooks/{webhook}/rotate", "webhook rotate", .operate, rotate),
        state("disable", .disabled),
        state("enable", .enabled),
        state("delete", .deleted),
        .get(
            "webhooks/{webhook}/deliveries",
            "webhook deliveries",
            query: ["state", "cursor", "limit"],
            deliveries
        ),
    ]

    private static func node(_ endpoint: WebhookEndpoint, _ call: APICall) -> JSONNode {
        .webhook(endpoint, hidesPath: call.caller.role != .operator)
    }

    private static func state(_ word: String, _ state: WebhookEndpoint.State) -> Route {
        .post(
            RoutePattern(stringLiteral: "webhooks/{webhook}/\(word)"),
            "webhook \(word)",
            .operate,
            hasBody: false
        ) { call in
            let id = try call.identifier("webhook") as WebhookEndpointID
            return APIAnswer(.webhook(try await call.services.webhooks.setState(state, of: id)))
        }
    }

    private static func create(_ call: APICall) async throws -> APIAnswer {
        let body = call.body
        try body.allow(only: "url", "account", "kinds", "private")
        var creation = WebhookEndpoints.Creation(
            url: try body.requiredText("url", countMax: 2_000)
        )
        creation.account = try body.text("account")
        creation.isPrivate = try body.flag("private")
        creation.kinds = try (body.texts("kinds") ?? []).map { text in
            guard let kind = AlertKind(rawValue: text) else {
                let all = AlertKind.allCases.map(\.rawValue).joined(separator: ", ")
                throw Problem(400, "kinds has some of \(all)")
            }
            return kind
        }
        let (endpoint, secret) = try await call.services.webhooks.create(creation, at: call.now)
        return APIAnswer(status: 201, .webhook(endpoint, secret: secret))
    }

    private static func rotate(_ call: APICall) async throws -> APIAnswer {
        try call.body.allow(only: "overlap_seconds")
        let overlap = try call.body.integer(
            "overlap_seconds",
            in: 0...WebhookEndpoints.overlapSecondsMax
        )
        let (endpoint, secret) = try await call.services.webhooks.rotate(
            try call.identifier("webhook"),
            overlapSeconds: overlap ?? overlapSeconds,
            at: call.now
        )
        return APIAnswer(.webhook(endpoint, secret: secret))
    }

    private static func deliveries(_ call: APICall) async throws -> APIAnswer {
        let endpoint = try await call.services.webhooks.show(try call.identifier("webhook"))
        var state: WebhookDelivery.State?
        if let text = call.query["state"] {
            state = WebhookDelivery.State(rawValue: text)
            guard state != nil else {
                throw Problem(400, "state must be pending, delivered or given_up")
            }
        }
        let limit = try call.limit()
        let found = try await call.services.messages.deliveries(
            to: endpoint.id,
            in: state,
            before: try call.messageCursor(),
            limit: limit + 1
        )
        let page = Page(found, after: nil, limit: limit) { WebhookMessage.name(of: $0.message) }
        return APIAnswer(page.json(JSONNode.webhookDelivery))
    }
}
