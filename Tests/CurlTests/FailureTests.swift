import Curl
import EventLoop
import Glibc
import Synchronization
import Testing

@Suite(.timeLimit(.minutes(1))) struct FailureTests {
    /// What a GET, or another request, to a server with this script ends in.
    private func failure(
        of method: String = "POST",
        timeouts: CurlTimeouts = CurlTimeouts(),
        _ script: @escaping @Sendable (ScriptedConnection) -> Void
    ) async throws -> CurlError? {
        let server = ScriptedServer { connection, _ in script(connection) }
        defer { server.stop() }
        return try await onLoop { client, _ in
            let request = CurlRequest(
                method: method,
                url: server.url,
                body: [1],
                timeouts: timeouts
            )
            return await curlError { () async throws(CurlError) in
                try await client.send(request).rest()
            }
        }
    }

    // MARK: No connection

    @Test func `a refused connection is safe to retry`() async throws {
        let (descriptor, port) = listenOnLoopback()
        close(descriptor)
        try await onLoop { client, _ in
            let error = await curlError { () async throws(CurlError) in
                try await client.send(.post("http://127.0.0.1:\(port)"))
            }
            #expect(error?.kind == .connect)
            #expect(error?.fault == .upstream)
            #expect(error?.isRetrySafe == true)
            #expect(client.counters.open == 0)
        }
    }

    @Test func `a name without an address is safe to retry`() async throws {
        try await onLoop { client, _ in
            let error = await curlError { () async throws(CurlError) in
                try await client.send(.post("http://no-such-host.invalid/"))
            }
            #expect(error?.kind == .resolve)
            #expect(error?.isRetrySafe == true)
        }
    }

    @Test func `a handshake that is never answered meets the connect timeout`() async throws {
        let server = ScriptedServer { connection, _ in connection.waitForPeerToClose() }
        defer { server.stop() }
        try await onLoop { client, _ in
            let request = CurlRequest.post("https://127.0.0.1:\(server.port)").with {
                $0.timeouts.connect = .milliseconds(100)
            }
            let error = await curlError { () async throws(CurlError) in
                try await client.send(request)
            }
            #expect(error?.kind == .timeout(.connect))
            #expect(error?.isRetrySafe == true)
        }
    }

    // MARK: Time

    @Test func `no answer meets the first-byte timeout, interim ones not being an answer`()
        async throws
    {
        let error = try await failure(
            timeouts: CurlTimeouts(firstByte: .milliseconds(100))
        ) { connection in
            _ = connection.readRequest()
            connection.send("HTTP/1.1 103 Early Hints\r\n\r\nHTTP/1.1 20")
            connection.waitForPeerToClose()
        }
        #expect(error?.kind == .timeout(.firstByte))
        #expect(error?.isRetrySafe == false)
    }

    @Test func `silence within the body meets the idle timeout, after what had come`()
        async throws
    {
        let server = ScriptedServer { connection, _ in
            _ = connection.readRequest()
            connection.send("HTTP/1.1 200 OK\r\ncontent-length: 9\r\n\r\nhalf")
            connection.waitForPeerToClose()
        }
        defer { server.stop() }
        try await onLoop { client, _ in
            let request = CurlRequest.post(server.url).with {
                $0.timeouts.idle = .milliseconds(100)
            }
            let response = try await client.send(request)
            #expect(try await response.next() == Array("half".utf8))
            let error = await curlError { () async throws(CurlError) in
                try await response.next()
            }
            #expect(error?.kind == .timeout(.idle))
            let again = await curlError { () async throws(CurlError) in
                try await response.next()
            }
            #expect(again?.kind == .timeout(.idle), "an end stays an end")
        }
    }

    @Test func `a body that never ends meets the total timeout`() async throws {
        let error = try await failure(
            timeouts: CurlTimeouts(idle: .seconds(20), total: .milliseconds(200))
        ) { connection in
            _ = connection.readRequest()
            connection.send("HTTP/1.1 200 OK\r\ntransfer-encoding: chunked\r\n\r\n")
            while connection.sendChunk("more") { usleep(5_000) }
        }
        #expect(error?.kind == .timeout(.total))
    }

    // MARK: Connections that break

    @Test func `a reset or a close before the head is a reset`() async throws {
        let reset = try await failure { connection in
            _ = connection.readRequest()
            connection.resetOnClose()
        }
        #expect(reset?.kind == .reset)
        #expect(reset?.isRetrySafe == false)
        #expect(reset?.fault == .upstream)

        let closed = try await failure { connection in _ = connection.readRequest() }
        #expect(closed?.kind == .reset)

        let within = try await failure { connection in
            _ = connection.readRequest()
            connection.send("HTTP/1.1 200 OK\r\ncontent-")
        }
        #expect(within?.kind == .reset)
    }

    @Test(arguments: [
        "content-length: 10\r\n\r\nabc", "transfer-encoding: chunked\r\n\r\n5\r\nab",
        "transfer-encoding: chunked\r\n\r\n3\r\nabc\r\n", "transfer-encoding: chunked\r\n\r\n",
    ])
    func `a body that breaks off is truncated, after what had come`(rest: String) async throws {
        for isReset in [false, true] {
            let bodyWasRead = Gate()
            let server = ScriptedServer { connection, _ in
                _ = connection.readRequest()
                connection.send("HTTP/1.1 200 OK\r\n" + rest)
                // A reset throws away what the peer has not read yet.
                if isReset && bodyWasRead.wait() { connection.resetOnClose() }
            }
            defer { server.stop() }
            let (error, text) = try await onLoop { client, _ in
                let response = try await client.send(.post(server.url))
                var body: [UInt8] = []
                if rest.contains("ab") { body = try await response.next() ?? [] }
                bodyWasRead.open()
                let error = await curlError { () async throws(CurlError) in
                    try await response.next()
                }
                return (error, String(decoding: body, as: UTF8.self))
            }
            #expect(error?.kind == .truncated)
            #expect(error?.isRetrySafe == false)
            #expect(text == (rest.contains("abc") ? "abc" : rest.contains("ab") ? "ab" : ""))
        }
    }

    // MARK: What is not HTTP

    @Test(arguments: [
        "SSH-2.0-OpenSSH_9.2\r\n", "garbage garbage garbage\r\n\r\n", "HTTP/1.1 999999 X\r\n\r\n",
        "HTTP/1.1 200 OK\r\ncontent-length: 1\r\ncontent-length: 2\r\n\r\nab",
        "HTTP/1.1 200 OK\r\ncontent-length: 5\r\ntransfer-encoding: chunked\r\n\r\n0\r\n\r\n",
        "HTTP/1.1 200 OK\r\ncontent-length: -5\r\n\r\n", "HTTP/1.1 101 Up\r\nupgrade: x\r\n\r\n",
        "HTTP/1.1 200 OK\r\ntransfer-encoding: chunked\r\n\r\nzz\r\n",
        "HTTP/1.1 200 OK\r\na: b\u{0}c\r\n\r\n",
    ])
    func `garbage is a violation of the protocol`(response: String) async throws {
        let error = try await failure { connection in
            _ = connection.readRequest()
            connection.send(response)
            connection.waitForPeerToClose()
        }
        #expect(error?.kind == .protocolViolation)
        #expect(error?.fault == .upstream)
        #expect(error?.isRetrySafe == false)
    }

    @Test func `a head without end is refused`() async throws {
        let tooMany = try await failure { connection in
            _ = connection.readRequest()
            connection.send("HTTP/1.1 200 OK\r\n")
            while connection.send("x-filler: 0123456789\r\n") {}
        }
        #expect(tooMany?.kind == .headTooLarge)

        let tooLong = try await failure { connection in
            _ = connection.readRequest()
            connection.send("HTTP/1.1 200 OK\r\nx-filler: ")
            while connection.send(String(repeating: "0", count: 1_000)) {}
        }
        #expect(tooLong?.kind == .headTooLarge)
    }

    // MARK: Requests that cannot be sent

    @Test(arguments: [
        CurlRequest.get("ftp://127.0.0.1/"), .get("http://127.0.0.1/a b"), .get("127.0.0.1"),
        .get("http://127.0.0.1/\r\nx: y"), .get("http://user:hunter2@127.0.0.1/"),
        CurlRequest(method: "get", url: "http://127.0.0.1"),
        CurlRequest(method: "GET X", url: "http://127.0.0.1"),
        .get("http://127.0.0.1").with { $0.fields = [("a", "b\r\nc: hunter2")] },
        .get("http://127.0.0.1").with { $0.fields = [("a b", "hunter2")] },
        .get("http://127.0.0.1").with { $0.fields = [("", "hunter2")] },
        .get("http://127.0.0.1").with { $0.fields = [("Content-Length", "3")] },
        .get("http://127.0.0.1").with { $0.fields = [("transfer-encoding", "chunked")] },
    ])
    func `what could be read as something else is not sent`(request: CurlRequest) async throws {
        try await onLoop { client, _ in
            let error = await curlError { () async throws(CurlError) in
                try await client.send(request)
            }
            #expect(error?.kind == .invalidRequest)
            #expect(error?.fault == .caller)
            #expect(error?.description.contains("hunter2") == false)
            #expect(client.counters.open == 0)
        }
    }

    // MARK: Reused connections that die

    @Test func `a request on a connection that the server closes for its age is sent again`()
        async throws
    {
        let bodies = Mutex<[String]>([])
        let server = ScriptedServer { connection, number in
            guard let first = connection.readRequest() else { return }
            bodies.withLock { $0.append(String(first.suffix(1))) }
            connection.respond(body: "\(number)")
            // The first connection takes a second request and closes without an answer.
            guard let second = connection.readRequest() else { return }
            bodies.withLock { $0.append(String(second.suffix(1))) }
        }
        defer { server.stop() }
        try await onLoop { client, _ in
            #expect(try await client.send(.post(server.url, "1")).text() == "0")
            let response = try await client.send(.post(server.url, "2"))
            #expect(try await response.text() == "1")
            #expect(response.resendCount == 1)
            #expect(client.counters.resends == 1)
        }
        #expect(bodies.withLock { $0 } == ["1", "2", "2"])
    }

    @Test func `beyond the window a post is not sent again, a get is`() async throws {
        let requests = Atomic<Int>(0)
        let server = ScriptedServer { connection, number in
            guard connection.readRequest() != nil else { return }
            requests.add(1, ordering: .relaxed)
            connection.respond(body: "\(number)")
            guard connection.readRequest() != nil else { return }
            requests.add(1, ordering: .relaxed)
        }
        defer { server.stop() }
        var configuration = CurlConfiguration()
        configuration.resendWindow = .zero
        try await onLoop(configuration) { client, _ in
            _ = try await client.send(.post(server.url)).rest()
            let error = await curlError { () async throws(CurlError) in
                try await client.send(.post(server.url))
            }
            #expect(error?.kind == .reset)
            #expect(error?.isRetrySafe == false)
            #expect(requests.load(ordering: .relaxed) == 2, "the third never left")
            _ = try await client.send(.get(server.url)).rest()
            #expect(try await client.send(.get(server.url)).resendCount == 1)
        }
    }
}
