import EventLoop
import HTTPServer
import Synchronization

/// A receiver of webhooks on a socket, which answers what the test says.
final class Receiver: Sendable {
    struct Message: Sendable {
        let id: String
        let timestamp: Int64
        let signature: String
        let body: String
    }

    private struct State {
        /// Nil while it is silent.
        var status: Int? = 204
        var messages: [Message] = []
    }

    private let state = Mutex(State())

    var messages: [Message] { state.withLock(\.messages) }

    func answer(_ status: Int) { state.withLock { $0.status = status } }

    /// Takes what comes and says nothing, until it is told what to answer.
    func fallSilent() { state.withLock { $0.status = nil } }

    func handle(_ request: HTTPRequest, _ exchange: HTTPExchange) async {
        let body = (try? await exchange.readBody(bytesMax: 65_536)) ?? []
        let message = Message(
            id: request.fields["webhook-id"] ?? "",
            timestamp: request.fields["webhook-timestamp"].flatMap { Int64($0) } ?? 0,
            signature: request.fields["webhook-signature"] ?? "",
            body: String(decoding: body, as: UTF8.self)
        )
        state.withLock { $0.messages.append(message) }
        var status = state.withLock(\.status)
        while status == nil {
            try? await Task.sleep(for: .milliseconds(10))
            status = state.withLock(\.status)
        }
        try? exchange.respond(status: status ?? 204, fields: HTTPFields([]), body: [])
    }
}
