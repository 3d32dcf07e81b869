import EventLoop
import Foundation
import HTTPServer
import Schema

/// An upstream to try Farebox with: both formats, deterministic, with exact usage.
struct DemoUpstream: Sendable {
    struct Behaviour: Sendable {
        /// How long a call waits before its first byte.
        var delay = Duration.zero
        /// How long a stream waits between its chunks.
        var chunkInterval = Duration.zero
        /// The words of an answer that nothing cuts short.
        var words = 32
    }

    /// The largest request body that is read.
    private static let bodyBytesMax = 64 << 20

    let loop: EventLoop
    let behaviour: Behaviour
    let calls = DemoCalls()

    func handle(_ request: HTTPRequest, _ exchange: HTTPExchange) async {
        do {
            switch (request.method, request.path) {
            case ("POST", "/v1/chat/completions"), ("POST", "/v1/messages"):
                try await serve(request, exchange)
            case ("GET", "/demo/calls"):
                try respond(exchange, 200, calls.list)
            default:
                try respond(exchange, 404, Self.error("not_found_error", "no such route"))
            }
        } catch {
            // The client left, or its request broke off: there is nobody to tell.
            exchange.abort()
        }
    }

    private func serve(_ request: HTTPRequest, _ exchange: HTTPExchange) async throws {
        let body = try await exchange.readBody(bytesMax: Self.bodyBytesMax)
        guard let demo = DemoRequest(body) else {
            try respond(exchange, 400, Self.error("invalid_request_error", "not a request"))
            return
        }
        let answer = DemoAnswer(to: demo, words: behaviour.words)
        let number = calls.begin { number in
            DemoCalls.Call(
                id: "demo-\(number)",
                requestID: request.fields["x-request-id"],
                endpoint: request.path,
                model: demo.model,
                isStreamed: demo.isStreamed,
                inputTokens: answer.inputTokens,
                outputTokens: 0,
                isFinished: false
            )
        }
        if behaviour.delay > .zero { await loop.sleep(for: behaviour.delay) }
        let (node, events) = render(demo, answer, number, isMessages: request.path.hasSuffix("ges"))
        guard demo.isStreamed else {
            let total = answer.outputTokens * Int64(demo.choices)
            calls.end(number, outputTokens: total, isFinished: true)
            try respond(exchange, 200, node)
            return
        }
        try await stream(events, exchange, number, answer.outputTokens * Int64(demo.choices))
    }

    private func render(
        _ demo: DemoRequest,
        _ answer: DemoAnswer,
        _ number: Int64,
        isMessages: Bool
    ) -> (JSONNode, [String]) {
        let id = "demo-\(number)"
        if isMessages {
            let messages = DemoMessages(id: id, request: demo, answer: answer)
            return demo.isStreamed ? (.null, messages.events) : (messages.body, [])
        }
        let now = Int64(Date().timeIntervalSince1970)
        let chat = DemoChat(id: id, createdSeconds: now, request: demo, answer: answer)
        return demo.isStreamed ? (.null, chat.events) : (chat.body, [])
    }

    /// Sends one event after another; a client that leaves stops the generation, as a real
    /// upstream's would, and the tokens so far stay on the record.
    private func stream(
        _ events: [String],
        _ exchange: HTTPExchange,
        _ number: Int64,
        _ outputTokens: Int64
    ) async throws {
        var sent: Int64 = 0
        do {
            try exchange.begin(
                status: 200,
                fields: HTTPFields([
                    (name: "content-type", value: "text/event-stream"),
                    (name: "cache-control", value: "no-cache"),
                ])
            )
            for (index, event) in events.enumerated() {
                if index > 0, behaviour.chunkInterval > .zero {
                    await loop.sleep(for: behaviour.chunkInterval)
                }
                try exchange.write(Array(event.utf8))
                try await exchange.writable()
                sent = min(sent + 1, outputTokens)
            }
            calls.end(number, outputTokens: outputTokens, isFinished: true)
            try exchange.finish()
        } catch {
            calls.end(number, outputTokens: sent, isFinished: false)
            throw error
        }
    }

    private func respond(_ exchange: HTTPExchange, _ status: Int, _ node: JSONNode) throws {
        try exchange.respond(
            status: status,
            fields: HTTPFields([(name: "content-type", value: "application/json")]),
            body: Array(node.line.utf8)
        )
    }

    /// An error that both formats' clients can read.
    private static func error(_ type: String, _ message: String) -> JSONNode {
        .object([
            ("type", .text("error")),
            (
                "error",
                .object([
                    ("type", .text(type)), ("message", .text(message)), ("param", .null),
                    ("code", .null),
                ])
            ),
        ])
    }
}
