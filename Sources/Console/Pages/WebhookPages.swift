import Ledger
import Schema

/// Where alerts go, and whether they arrive.
enum WebhookPages {
    static let routes: [PageRoute] = [
        .get("webhooks", "webhooks", all),
        .post("webhooks", "webhook create", .operate, create),
        .get("webhooks/{webhook}", "webhook", one),
        .post("webhooks/{webhook}/rotate", "webhook rotate", .operate, rotate),
        state("disable", .disabled),
        state("enable", .enabled),
        state("delete", .deleted),
    ]
    private static let shownMax = 100

    private static func state(_ word: String, _ state: WebhookEndpoint.State) -> PageRoute {
        .post("webhooks/{webhook}/\(word)", "webhook \(word)", .operate) { call in
            let endpoint = try await call.services.webhooks.setState(
                state,
                of: try call.identifier("webhook")
            )
            return .redirect(state == .deleted ? "/webhooks" : path(endpoint.id))
        }
    }

    // MARK: All endpoints

    private static func all(_ call: PageCall) async throws -> PageAnswer {
        let endpoints = try await call.services.webhooks.list()
        let cursor = call.query["before"].flatMap(WebhookMessage.identifier)
        let messages = try await call.services.messages.list(
            before: cursor,
            limit: Int64(shownMax)
        )
        let older: HTML? =
            messages.count == shownMax
            ? messages.last.map { "<p><a href=\"/webhooks?before=\($0.name)\">Older</a></p>" } : nil
        return .page(
            title: "Webhooks",
            """
            \(table(endpoints, call).html)
            \(call.may(.operate) ? "<h2>New endpoint</h2>\(form(call))" as HTML : nil)
            <h2>Messages</h2>\(WebhookMessagePages.table(messages).html)\(older)
            """
        )
    }

    private static func table(_ endpoints: [WebhookEndpoint], _ call: PageCall) -> HTMLTable {
        var table = HTMLTable(
            "Endpoints, the oldest first",
            .text("Endpoint"),
            .text("Told of"),
            .text("Kinds"),
            .text("State"),
            .number("Waiting"),
            .text("Last success"),
            .text("Failing since")
        )
        table.nothing = "Alerts go nowhere yet; they are kept, and can be sent later."
        table.rows = endpoints.map { endpoint in
            [
                "<a href=\"\(path(endpoint.id))\">\(url(endpoint, call))</a>",
                "\(endpoint.account ?? "all accounts")",
                "\(endpoint.kinds.isEmpty ? "all" : endpoint.kinds.joined(separator: ", "))",
                "\(endpoint.state.rawValue)", "\(endpoint.pending)",
                time(endpoint.lastSuccessAt), time(endpoint.failingSince),
            ]
        }
        return table
    }

    /// What follows the host may be a secret in itself.
    static func url(_ endpoint: WebhookEndpoint, _ call: PageCall) -> String {
        call.caller.role == .operator ? endpoint.url : endpoint.place
    }

    private static func form(_ call: PageCall) -> HTML {
        let kinds = AlertKind.allCases.map { kind in
            HTMLForm.flag("kind \(kind.rawValue)", kind.rawValue)
        }
        return HTMLForm(
            action: "/webhooks",
            csrf: call.csrf,
            button: "Make endpoint",
            fields: [
                HTMLForm.text(
                    "url",
                    "URL",
                    type: "url",
                    hint: "https://hooks.example.com/farebox",
                    isRequired: true
                ),
                HTMLForm.text("account", "Of one account only", hint: "all"),
                HTMLForm.flag("private", "It may be inside of our networks, and without TLS"),
                HTMLForm.group("Kinds; all when none is chosen", kinds),
            ]
        ).html
    }

    private static func create(_ call: PageCall) async throws -> PageAnswer {
        var creation = WebhookEndpoints.Creation(url: call.field("url") ?? "")
        creation.account = call.field("account")
        creation.isPrivate = call.field("private") != nil
        creation.kinds = AlertKind.allCases.filter { call.field("kind \($0.rawValue)") != nil }
        let (endpoint, secret) = try await call.services.webhooks.create(
            creation,
            at: call.services.now()
        )
        return secretPage("A new endpoint", endpoint, secret)
    }

    private static func secretPage(
        _ title: String,
        _ endpoint: WebhookEndpoint,
        _ secret: WebhookSecret
    ) -> PageAnswer {
        .page(
            title: title,
            """
            \(shownOnce(secret.text))
            <p>Messages to \(endpoint.place) are signed with it.</p>
            <p><a href="\(path(endpoint.id))">The endpoint</a></p>
            """
        )
    }

    // MARK: One endpoint

    private static func one(_ call: PageCall) async throws -> PageAnswer {
        let endpoint = try await call.services.webhooks.show(try call.identifier("webhook"))
        let deliveries = try await call.services.messages.deliveries(
            to: endpoint.id,
            limit: shownMax
        )
        let failure: HTML? = endpoint.failingSince.map { since in
            """
            <p class="notice bad">Every attempt has failed since \(time(since)):
            \(endpoint.lastFailure ?? "").</p>
            """
        }
        return .page(
            title: "A webhook endpoint",
            """
            \(failure)<p><code>\(url(endpoint, call))</code></p>
            \(figures([
                ("State", "\(endpoint.state.rawValue)"), ("Waiting", "\(endpoint.pending)"),
                ("Last success", time(endpoint.lastSuccessAt)),
                ("Last failure", time(endpoint.lastFailureAt)),
                ("Secret rotated", time(endpoint.secretRotatedAt)),
            ]))
            \(call.may(.operate) ? acts(endpoint, call) : nil)
            <h2>Deliveries</h2>\(table(deliveries).html)
            <p><a href="/webhooks">All endpoints</a></p>
            """
        )
    }

    private static func acts(_ endpoint: WebhookEndpoint, _ call: PageCall) -> HTML {
        func button(_ word: String, _ text: String, isDanger: Bool = false) -> HTML {
            HTMLForm(
                action: "\(path(endpoint.id))/\(word)",
                csrf: call.csrf,
                button: text,
                isDanger: isDanger,
                isInline: true
            ).html
        }
        return """
            <div class="acts">
            \(endpoint.state == .enabled
                ? button("disable", "Disable") : button("enable", "Enable"))
            \(button("rotate", "Rotate secret"))
            \(button("delete", "Delete", isDanger: true))
            </div>
            """
    }

    private static func rotate(_ call: PageCall) async throws -> PageAnswer {
        let (endpoint, secret) = try await call.services.webhooks.rotate(
            try call.identifier("webhook"),
            overlapSeconds: WebhookOperations.overlapSeconds,
            at: call.services.now()
        )
        return secretPage("Another secret", endpoint, secret)
    }

    private static func table(_ deliveries: [WebhookDelivery]) -> HTMLTable {
        var table = HTMLTable(
            "Messages to this endpoint, the newest first",
            .text("Message"),
            .text("Kind"),
            .text("State"),
            .number("Attempts"),
            .text("Last attempt"),
            .text("Why it failed"),
            .text("Next attempt")
        )
        table.rows = deliveries.map { delivery in
            let name = WebhookMessage.name(of: delivery.message)
            let last = delivery.attempts.first
            return [
                "<a href=\"/messages/\(name)\">\(name.suffix(12).description)</a>",
                "\(delivery.kind)", "\(words(delivery.state.rawValue))",
                "\(delivery.attemptCount)", time(last?.at), "\(last?.failure ?? "–")",
                time(delivery.dueAt),
            ]
        }
        return table
    }

    private static func path(_ id: WebhookEndpointID) -> String { "/webhooks/\(id)" }
}
