import EventLoop
import Foundation
import HTTPServer
import Schema

/// An upstream to try Farebox with: every endpoint of both formats, deterministic, with exact usage.
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
            if request.method == "POST", let endpoint = DemoEndpoint(rawValue: request.path) {
                try await serve(endpoint, request, exchange)
            } else if (request.method, request.path) == ("GET", "/demo/calls") {
                try respond(exchange, 200, calls.list)
            } else {
                try respond(exchange, 404, Self.error("not_found_error", "no such route"))
            }
        } catch {
            // The client left, or its request broke off: there is nobody to tell.
            exchange.abort()
        }
    }

    private func serve(
        _ endpoint: DemoEndpoint,
        _ request: HTTPRequest,
        _ exchange: HTTPExchange
    ) async throws {
        let body = try await exchange.readBody(bytesMax: Self.bodyBytesMax)
        guard let demo = DemoRequest(body, to: endpoint) else {
            try respond(exchange, 400, Self.error("invalid_request_error", "not a request"))
            return
        }
        if endpoint == .countTokens {
            let count = JSONNode.object([("input_tokens", .integer(demo.promptWords))])
            return try respond(exchange, 200, count)
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
        let total = answer.outputTokens * Int64(demo.choices)
        switch render(demo, answer, number) {
        case .whole(let node):
            calls.end(number, outputTokens: total, isFinished: true)
            try respond(exchange, 200, node)
        case .stream(let events): try await stream(events, exchange, number, total)
        }
    }

    private enum Rendering {
        case whole(JSONNode)
        case stream([String])
    }

    private func render(_ demo: DemoRequest, _ answer: DemoAnswer, _ number: Int64) -> Rendering {
        let id = "demo-\(number)"
        let now = Int64(Date().timeIntervalSince1970)
        switch demo.endpoint {
        case .chatCompletions:
            let chat = DemoChat(id: id, createdSeconds: now, request: demo, answer: answer)
            return demo.isStreamed ? .stream(chat.events) : .whole(chat.body)
        case .completions:
            let text = DemoCompletions(id: id, createdSeconds: now, request: demo, answer: answer)
            return demo.isStreamed ? .stream(text.events) : .whole(text.body)
        case .responses:
            let response = DemoResponses(
                id: id,
                createdSeconds: now,
                request: demo,
                answer: answer
            )
            return demo.isStreamed ? .stream(response.events) : .whole(response.body)
        case .embeddings: return .whole(DemoEmbeddings(request: demo, answer: answer).body)
        case .messages, .countTokens:
            let messages = DemoMessages(id: id, request: demo, answer: answer)
            return demo.isStreamed ? .stream(messages.events) : .whole(messages.body)
        }
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
