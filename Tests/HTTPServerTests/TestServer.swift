import EventLoop
import HTTPServer
import Synchronization
import Testing

/// A server on a loop of its own, for one test.
struct TestServer {
    let loop: EventLoop
    let server: HTTPServer

    var statistics: HTTPStatistics { server.statistics }

    /// Runs the body against a server, then stops both.
    static func run(
        limits: HTTPLimits = HTTPLimits(),
        handler: @escaping HTTPHandler,
        _ body: (TestServer) async throws -> Void
    ) async throws {
        let loop = EventLoop(name: "server")
        try loop.start()
        let server = HTTPServer(
            loop: loop,
            address: .loopback(port: 0),
            limits: limits,
            handler: handler
        )
        try await server.start()
        let test = TestServer(loop: loop, server: server)
        do {
            try await body(test)
        } catch {
            await test.stop()
            throw error
        }
        await test.stop()
    }

    private func stop() async {
        await server.stop(by: .now + .milliseconds(200))
        #expect(statistics.openConnections == 0)
        await loop.stop()
    }

    func connect(
        sendBufferBytes: Int32? = nil,
        receiveBufferBytes: Int32? = nil
    ) throws -> TestClient {
        try TestClient(
            to: server.boundAddress,
            sendBufferBytes: sendBufferBytes,
            receiveBufferBytes: receiveBufferBytes
        )
    }
}

/// Polls until the condition holds; a test that waits in vain fails.
func eventually(
    _ what: Comment,
    at location: SourceLocation = #_sourceLocation,
    _ condition: () -> Bool
) async throws {
    let deadline = ContinuousClock.now + .seconds(90)
    while !condition() {
        try #require(.now < deadline, what, sourceLocation: location)
        try await Task.sleep(for: .milliseconds(2))
    }
}

/// A value that handlers and tests share.
final class Shared<Value: Sendable>: Sendable {
    private let mutex: Mutex<Value>

    init(_ value: Value) { mutex = Mutex(value) }

    var value: Value { mutex.withLock { $0 } }

    func update(_ change: (inout Value) -> Void) { mutex.withLock { change(&$0) } }
}

/// Answers with the method, target and body.
@Sendable func echo(_ request: HTTPRequest, _ exchange: HTTPExchange) async {
    do {
        let body = try await exchange.readBody(bytesMax: 1 << 30)
        let target = request.query.map { request.path + "?" + $0 } ?? request.path
        try exchange.respond(
            status: 200,
            fields: ["content-type": "text/plain"],
            body: Array("\(request.method) \(target) ".utf8) + body
        )
    } catch {
        // The server answers for what could not be read, and nobody hears the rest.
    }
}
