import Ledger
import Schema

/// What endpoints were told, and what became of it at each.
enum WebhookMessagePages {
    static let routes: [PageRoute] = [
        .get("messages/{message}", "webhook message", message),
        .post("messages/{message}/redeliver", "webhook redeliver", .operate, redeliver),
    ]

    static func table(_ messages: [WebhookMessage]) -> HTMLTable {
        var table = HTMLTable(
            "Alerts, the newest first",
            .text("When"),
            .text("Kind"),
            .text("Account"),
            .number("Delivered"),
            .number("Waiting"),
            .number("Given up")
        )
        table.rows = messages.map { message in
            [
                "<a href=\"/messages/\(message.name)\">\(time(message.createdAt))</a>",
                "\(message.kind)", "\(message.account ?? "–")", "\(message.delivered)",
                "\(message.pending)", "\(message.givenUp)",
            ]
        }
        return table
    }

    private static func message(_ call: PageCall) async throws -> PageAnswer {
        let whole = try await call.services.messages.show(try identifier(call))
        let endpoints = try await call.services.webhooks.list()
        var table = HTMLTable(
            "Attempts, the newest of each endpoint first",
            .text("Endpoint"),
            .text("State"),
            .number("Attempt"),
            .text("When"),
            .number("Milliseconds"),
            .text("Answer")
        )
        table.nothing = "No endpoint wanted it."
        table.rows = whole.deliveries.flatMap { delivery in
            let endpoint = endpoints.first { $0.id == delivery.endpoint }
            return rows(delivery, endpoint.map { WebhookPages.url($0, call) } ?? "deleted")
        }
        let redelivery: HTML? =
            call.may(.operate)
            ? HTMLForm(
                action: "/messages/\(whole.message.name)/redeliver",
                csrf: call.csrf,
                button: "Send it again"
            ).html : nil
        return .page(
            title: whole.message.kind,
            """
            <p>\(time(whole.message.createdAt)), <code>\(whole.message.name)</code></p>
            <div class="wide" tabindex="0" role="region" aria-label="The message">
            <pre>\(whole.body)</pre></div>
            <h2>Deliveries</h2>\(table.html)\(redelivery)
            <p><a href="/webhooks">All messages</a></p>
            """
        )
    }

    private static func rows(_ delivery: WebhookDelivery, _ place: String) -> [[HTML]] {
        let state = words(delivery.state.rawValue)
        guard !delivery.attempts.isEmpty else {
            return [["\(place)", "\(state)", "–", "–", "–", "none yet"]]
        }
        return delivery.attempts.map { attempt in
            let answer = attempt.failure ?? attempt.status.map { String($0) } ?? "–"
            return [
                "\(place)", "\(state)", "\(attempt.number)", time(attempt.at),
                "\(attempt.milliseconds)", "\(answer)",
            ]
        }
    }

    private static func redeliver(_ call: PageCall) async throws -> PageAnswer {
        let id = try identifier(call)
        _ = try await call.services.webhooks.redeliver(id, at: call.services.now())
        return .redirect("/messages/\(WebhookMessage.name(of: id))")
    }

    private static func identifier(_ call: PageCall) throws -> AlertID {
        guard let id = WebhookMessage.identifier(call.places["message"] ?? "") else {
            throw Problem(404, "no such message")
        }
        return id
    }
}
