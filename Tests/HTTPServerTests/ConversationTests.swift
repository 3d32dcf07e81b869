import EventLoop
import Glibc
import HTTPServer
import Testing

/// Requests and responses as they should be, over real sockets.
@Suite struct ConversationTests {
    @Test func `A request is answered with length, date and fields, and the connection kept`()
        async throws
    {
        try await TestServer.run(handler: echo) { server in
            let client = try server.connect()
            for number in 1...3 {
                try client.send(
                    "POST /a?b HTTP/1.1\r\nHost: a\r\nContent-Length: 1\r\n\r\n\(number)"
                )
                let response = try client.readResponse()
                #expect(response.status == 200)
                #expect(response.text == "POST /a?b \(number)")
                #expect(response.fields["content-length"] == "11")
                #expect(response.fields["content-type"] == "text/plain")
                #expect(response.fields["connection"] == nil)
                #expect(response.fields["date"]?.hasSuffix(" GMT") == true)
            }
            #expect(server.statistics.acceptedConnections == 1)
            #expect(server.statistics.requests == 3)
        }
    }

    @Test(arguments: ValidRequest.all)
    func `Valid requests are answered when they come byte by byte`(request: ValidRequest)
        async throws
    {
        try await TestServer.run(handler: echo) { server in
            let client = try server.connect()
            for byte in request.bytes { try client.send([byte]) }
            for expected in request.outcome.requests {
                let response = try client.readResponse(interim: expected.head.expectsContinue)
                if response.status == 100 {
                    #expect(try client.readResponse().status == 200)
                    continue
                }
                #expect(response.status == 200)
                #expect(response.body.suffix(expected.body.count) == expected.body[...])
                #expect(response.fields["connection"] == connection(after: expected.head))
            }
        }
    }

    private func connection(after head: RequestHead) -> String? {
        guard head.isKeepAlive else { return "close" }
        return head.isVersion11 ? nil : "keep-alive"
    }

    @Test func `Pipelined requests are answered in order`() async throws {
        try await TestServer.run(
            handler: { request, exchange in
                // The first takes longest, so that order is the server's doing.
                if request.path == "/0" { try? await Task.sleep(for: .milliseconds(20)) }
                try? exchange.respond(status: 200, fields: [:], body: Array(request.path.utf8))
            },
            { server in
                let client = try server.connect()
                let paths = (0..<200).map { "/\($0)" }
                try client.send(paths.map { "GET \($0) HTTP/1.1\r\nHost: a\r\n\r\n" }.joined())
                for path in paths { #expect(try client.readResponse().text == path) }
                #expect(server.statistics.acceptedConnections == 1)
            }
        )
    }

    @Test func `What is pipelined is bounded while a request is answered`() async throws {
        let gate = Shared(false)
        var limits = HTTPLimits()
        limits.pipelineBytesMax = 4_096
        limits.socketReceiveBufferBytes = 4_096
        try await TestServer.run(
            limits: limits,
            handler: { request, exchange in
                while !gate.value { try? await Task.sleep(for: .milliseconds(1)) }
                try? exchange.respond(status: 200, fields: [:], body: [])
            },
            { server in
                let client = try server.connect(sendBufferBytes: 4_096)
                let request = Array("GET / HTTP/1.1\r\nHost: a\r\n\r\n".utf8)
                // More than the kernel's and the server's bounds together, so that a server
                // that read on would take it all.
                let all = Array(repeatElement(request, count: 100_000).joined())
                var sent = 0
                while true {
                    let count = client.sendWithoutBlocking(all[sent...])
                    sent += count
                    if count > 0 { continue }
                    try await Task.sleep(for: .milliseconds(50))
                    let more = client.sendWithoutBlocking(all[sent...])
                    sent += more
                    if more == 0 { break }
                }
                #expect(sent < all.count / 2)
                gate.update { $0 = true }
                for _ in 0..<(sent / request.count) {
                    #expect(try client.readResponse().status == 200)
                }
            }
        )
    }

    @Test func `A long body that came before its handler asked for it is read to its end`()
        async throws
    {
        let gate = Shared(false)
        var limits = HTTPLimits()
        limits.bodyHighWaterBytes = 1_024
        try await TestServer.run(
            limits: limits,
            handler: { request, exchange in
                while !gate.value { try? await Task.sleep(for: .milliseconds(1)) }
                await echo(request, exchange)
            },
            { server in
                let client = try server.connect()
                let body = [UInt8](repeating: 0x61, count: 200_000)
                try client.send(
                    "POST / HTTP/1.1\r\nHost: a\r\nContent-Length: \(body.count)\r\n\r\n"
                )
                try client.send(Array(body.prefix(8_192)))
                // Time to come to the server, which then reads no more until it is asked.
                try await Task.sleep(for: .milliseconds(100))
                gate.update { $0 = true }
                try client.send(Array(body.dropFirst(8_192)))
                let response = try client.readResponse()
                #expect(response.status == 200)
                #expect(response.body.suffix(body.count).elementsEqual(body))
            }
        )
    }

    @Test func `Expect: 100-continue is answered when the body is wanted`() async throws {
        try await TestServer.run(handler: echo) { server in
            let client = try server.connect()
            try client.send(
                "POST / HTTP/1.1\r\nHost: a\r\nExpect: 100-continue\r\nContent-Length: 5\r\n\r\n"
            )
            #expect(try client.readResponse(interim: true).status == 100)
            try client.send("hello")
            #expect(try client.readResponse().text == "POST / hello")
            try client.send("GET /next HTTP/1.1\r\nHost: a\r\n\r\n")
            #expect(try client.readResponse().text == "GET /next ")
        }
    }

    @Test func `A body that was waiting for 100-continue and is not wanted ends the connection`()
        async throws
    {
        try await TestServer.run(
            handler: { _, exchange in
                try? exchange.respond(status: 401, fields: [:], body: [])
            },
            { server in
                let client = try server.connect()
                try client.send(
                    "POST / HTTP/1.1\r\nHost: a\r\nExpect: 100-continue\r\nContent-Length: 5\r\n\r\n"
                )
                let response = try client.readResponse(interim: true)
                #expect(response.status == 401)
                #expect(response.fields["connection"] == "close")
                #expect(try client.isAtEnd())
            }
        )
    }

    @Test func `A small body that nobody read is skipped and the connection kept`() async throws {
        try await TestServer.run(
            handler: { request, exchange in
                try? exchange.respond(status: 200, fields: [:], body: Array(request.path.utf8))
            },
            { server in
                let client = try server.connect()
                try client.send("POST /1 HTTP/1.1\r\nHost: a\r\nContent-Length: 5\r\n\r\nhe")
                #expect(try client.readResponse().text == "/1")
                try client.send("lloGET /2 HTTP/1.1\r\nHost: a\r\n\r\n")
                #expect(try client.readResponse().text == "/2")
            }
        )
    }

    @Test func `A large body that nobody read ends the connection after the answer`() async throws {
        try await TestServer.run(
            handler: { request, exchange in
                try? exchange.respond(status: 401, fields: [:], body: Array("no".utf8))
            },
            { server in
                let client = try server.connect()
                try client.send("POST /1 HTTP/1.1\r\nHost: a\r\nContent-Length: 1000000\r\n\r\n")
                client.sendIgnoringRefusal([UInt8](repeating: 0x78, count: 1_000_000))
                let response = try client.readResponse()
                #expect(response.text == "no")
                #expect(response.fields["connection"] == "close")
                #expect(try client.isAtEnd())
            }
        )
    }

    @Test func `HEAD is answered with the length and no body`() async throws {
        try await TestServer.run(handler: echo) { server in
            let client = try server.connect()
            try client.send(
                "HEAD /abc HTTP/1.1\r\nHost: a\r\n\r\nGET / HTTP/1.1\r\nHost: a\r\n\r\n"
            )
            let head = try client.readResponse(toHEAD: true)
            #expect(head.fields["content-length"] == "10")
            #expect(try client.readResponse().text == "GET / ")
        }
    }

    @Test func `HTTP/1.0 is answered and closed, or kept when asked for`() async throws {
        try await TestServer.run(handler: echo) { server in
            let client = try server.connect()
            try client.send("GET /1 HTTP/1.0\r\nConnection: keep-alive\r\n\r\n")
            let kept = try client.readResponse()
            #expect(kept.fields["connection"] == "keep-alive")
            try client.send("GET /2 HTTP/1.0\r\n\r\n")
            let last = try client.readResponse()
            #expect(last.text == "GET /2 ")
            #expect(last.fields["connection"] == "close")
            #expect(try client.isAtEnd())
        }
    }

    @Test func `A streamed response is chunked in 1.1 and ends with the connection in 1.0`()
        async throws
    {
        try await TestServer.run(handler: streamNumbers) { server in
            let client = try server.connect()
            try client.send("GET / HTTP/1.1\r\nHost: a\r\n\r\n")
            let chunked = try client.readResponse()
            #expect(chunked.fields["transfer-encoding"] == "chunked")
            #expect(chunked.fields["content-length"] == nil)
            #expect(chunked.text == "0123456789")
            #expect(chunked.isWhole)
            try client.send("HEAD / HTTP/1.1\r\nHost: a\r\n\r\n")
            #expect(try client.readResponse(toHEAD: true).status == 200)
            try client.send("GET / HTTP/1.0\r\nConnection: keep-alive\r\n\r\n")
            let closed = try client.readResponse()
            #expect(closed.fields["transfer-encoding"] == nil)
            #expect(closed.fields["connection"] == "close")
            #expect(closed.text == "0123456789")
        }
    }

    @Test func `Statuses without a body have none`() async throws {
        try await TestServer.run(
            handler: { request, exchange in
                let status = Int(request.path.dropFirst()) ?? 200
                try? exchange.respond(status: status, fields: [:], body: Array("x".utf8))
            },
            { server in
                let client = try server.connect()
                for status in [204, 304, 404, 999] {
                    try client.send("GET /\(status) HTTP/1.1\r\nHost: a\r\n\r\n")
                    let response = try client.readResponse()
                    #expect(response.status == status)
                    #expect(response.text == (status < 400 ? "" : "x"))
                    #expect((response.fields["content-length"] == nil) == (status < 400))
                }
            }
        )
    }

    @Test func `Handlers can neither forge a response nor contradict its framing`() async throws {
        try await TestServer.run(
            handler: { _, exchange in
                var fields: HTTPFields = [
                    "content-length": "1000", "transfer-encoding": "chunked",
                    "connection": "upgrade", "date": "never", "keep-alive": "timeout=1",
                    "x-kept": "yes",
                ]
                fields.append("x-forged", "a\r\ncontent-length: 0\r\n\r\nHTTP/1.1 200 OK")
                try? exchange.respond(status: 200, fields: fields, body: Array("body".utf8))
            },
            { server in
                let client = try server.connect()
                try client.send("GET / HTTP/1.1\r\nHost: a\r\nConnection: close\r\n\r\n")
                let response = try client.readResponse()
                #expect(response.text == "body")
                #expect(
                    Set(response.fields.keys) == ["content-length", "connection", "date", "x-kept"]
                )
                #expect(try client.isAtEnd())
            }
        )
    }

    @Test func `A large response arrives whole`() async throws {
        let body = (0..<5_000_000).map { UInt8(truncatingIfNeeded: $0 &* 7) }
        try await TestServer.run(
            handler: { _, exchange in
                try? exchange.respond(status: 200, fields: [:], body: body)
            },
            { server in
                let client = try server.connect()
                try client.send(
                    "GET / HTTP/1.1\r\nHost: a\r\n\r\nGET / HTTP/1.1\r\nHost: a\r\n\r\n"
                )
                #expect(try client.readResponse().body == body)
                #expect(try client.readResponse().body == body)
            }
        )
    }

    @Test func `A large request arrives whole, declared or chunked`() async throws {
        try await TestServer.run(handler: echo) { server in
            let client = try server.connect()
            let body = (0..<3_000_000).map { UInt8(truncatingIfNeeded: $0 &* 7) }
            try client.send("POST / HTTP/1.1\r\nHost: a\r\nContent-Length: \(body.count)\r\n\r\n")
            try client.send(body)
            #expect(try client.readResponse().body == Array("POST / ".utf8) + body)
            try client.send("POST / HTTP/1.1\r\nHost: a\r\nTransfer-Encoding: chunked\r\n\r\n")
            for start in stride(from: 0, to: body.count, by: 100_000) {
                try client.send("186a0\r\n")
                try client.send(Array(body[start..<(start + 100_000)]))
                try client.send("\r\n")
            }
            try client.send("0\r\n\r\n")
            #expect(try client.readResponse().body == Array("POST / ".utf8) + body)
        }
    }

    @Test func `A thousand connections are served and cost nothing when they are gone`()
        async throws
    {
        try await TestServer.run(handler: echo) { server in
            let clients = try (0..<1_000).map { _ in try server.connect() }
            for (number, client) in clients.enumerated() {
                try client.send("GET /\(number) HTTP/1.1\r\nHost: a\r\n\r\n")
            }
            for (number, client) in clients.enumerated() {
                #expect(try client.readResponse().text == "GET /\(number) ")
            }
            #expect(server.statistics.openConnections == 1_000)
            for client in clients { client.close() }
            try await eventually("closed connections go") {
                server.statistics.openConnections == 0
            }
        }
    }
}

@Sendable func streamNumbers(_ request: HTTPRequest, _ exchange: HTTPExchange) async {
    do {
        try exchange.begin(status: 200, fields: [:])
        for number in 0..<10 {
            try exchange.write(Array("\(number)".utf8))
            try exchange.write([])
            try await exchange.writable()
            if number % 3 == 0 { await Task.yield() }
        }
        try exchange.finish()
    } catch {
        Issue.record(error)
    }
}
