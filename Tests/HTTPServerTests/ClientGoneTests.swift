import EventLoop
import Glibc
import HTTPServer
import Testing

/// Clients that leave, read slowly or not at all.
@Suite struct ClientGoneTests {
    @Test func `A handler is told when the client closes, at once or when it asks later`()
        async throws
    {
        let notices = Shared<[String]>([])
        try await TestServer.run(
            handler: { _, exchange in
                await withCheckedContinuation { continuation in
                    exchange.onClientGone {
                        notices.update { $0.append("first") }
                        continuation.resume()
                    }
                    #expect(!exchange.isClientGone)
                }
                #expect(exchange.isClientGone)
                exchange.onClientGone { notices.update { $0.append("second") } }
            },
            { server in
                let client = try server.connect()
                try client.send("GET / HTTP/1.1\r\nHost: a\r\n\r\n")
                try await eventually("it runs") { server.statistics.requests == 1 }
                client.close()
                try await eventually("both notices come") {
                    notices.value == ["first", "second"]
                }
            }
        )
    }

    @Test func `A client that closes only its half still gets its answer`() async throws {
        try await TestServer.run(
            handler: { request, exchange in
                // The answer begins after the closing is known.
                while !exchange.isClientGone { try? await Task.sleep(for: .milliseconds(1)) }
                try? exchange.respond(status: 200, fields: [:], body: Array(request.path.utf8))
            },
            { server in
                let client = try server.connect()
                try client.send(
                    "GET /1 HTTP/1.1\r\nHost: a\r\n\r\nGET /2 HTTP/1.1\r\nHost: a\r\n\r\n"
                )
                client.shutdownWrites()
                #expect(try client.readResponse().text == "/1")
                #expect(try client.readResponse().text == "/2")
                #expect(try client.isAtEnd())
            }
        )
    }

    @Test func `A half-closed client that reads slowly gets the whole answer`() async throws {
        let body = [UInt8](repeating: 0x78, count: 400_000)
        try await TestServer.run(
            handler: { _, exchange in
                try? exchange.respond(status: 200, fields: [:], body: body)
            },
            { server in
                let client = try server.connect(receiveBufferBytes: 4_096)
                try client.send("GET / HTTP/1.1\r\nHost: a\r\nConnection: close\r\n\r\n")
                try await Task.sleep(for: .milliseconds(50))
                client.shutdownWrites()
                try await Task.sleep(for: .milliseconds(50))
                let response = try client.readResponse()
                #expect(response.isWhole)
                #expect(response.body.count == body.count)
            }
        )
    }

    @Test func `Writes to a client that was reset throw, and the handler goes on`() async throws {
        let outcome = Shared("")
        try await TestServer.run(
            handler: { _, exchange in
                do {
                    try exchange.begin(status: 200, fields: [:])
                    while true {
                        try exchange.write([0x78])
                        try await exchange.writable()
                        try? await Task.sleep(for: .milliseconds(1))
                    }
                } catch {
                    #expect(exchange.isClientGone)
                    try? await Task.sleep(for: .milliseconds(10))
                    outcome.update { $0 = "went on" }
                }
            },
            { server in
                let client = try server.connect()
                try client.send("GET / HTTP/1.1\r\nHost: a\r\n\r\n")
                try await eventually("it runs") { server.statistics.requests == 1 }
                client.reset()
                try await eventually("the handler goes on") { outcome.value == "went on" }
            }
        )
    }

    @Test func `A client that leaves within its body fails the reading`() async throws {
        let failure = Shared<HTTPBodyError?>(nil)
        try await TestServer.run(
            handler: { _, exchange in
                do throws(HTTPBodyError) {
                    _ = try await exchange.readBody(bytesMax: 100)
                } catch {
                    failure.update { $0 = error }
                }
            },
            { server in
                let client = try server.connect()
                try client.send("POST / HTTP/1.1\r\nHost: a\r\nContent-Length: 5\r\n\r\nhel")
                try await eventually("it runs") { server.statistics.requests == 1 }
                client.close()
                try await eventually("it fails") { failure.value == .clientGone }
            }
        )
    }

    @Test func `A reader that stops bounds the writer, and one that reads on frees it`()
        async throws
    {
        let written = Shared(0)
        let total = 20_000_000
        try await TestServer.run(
            handler: { _, exchange in
                do {
                    try exchange.begin(status: 200, fields: [:])
                    let piece = [UInt8](repeating: 0x78, count: 10_000)
                    for _ in 0..<(total / piece.count) {
                        try exchange.write(piece)
                        written.update { $0 += piece.count }
                        try await exchange.writable()
                    }
                    try exchange.finish()
                } catch {
                    Issue.record(error)
                }
            },
            { server in
                let client = try server.connect(receiveBufferBytes: 4_096)
                try client.send("GET / HTTP/1.1\r\nHost: a\r\n\r\n")
                var before = -1
                while before != written.value || before == 0 {
                    before = written.value
                    try await Task.sleep(for: .milliseconds(100))
                }
                // The high-water mark, and what the two kernels' capped buffers hold.
                #expect(written.value < 1_000_000)
                let response = try client.readResponse()
                #expect(response.isWhole)
                #expect(response.body.count == total)
            }
        )
    }

    @Test func `A reader that never reads is cut after the write stall`() async throws {
        let isCut = Shared(false)
        var limits = HTTPLimits()
        limits.writeStallTimeout = .milliseconds(100)
        try await TestServer.run(
            limits: limits,
            handler: { _, exchange in
                do {
                    try exchange.begin(status: 200, fields: [:])
                    while true {
                        try exchange.write([UInt8](repeating: 0x78, count: 10_000))
                        try await exchange.writable()
                    }
                } catch {
                    isCut.update { $0 = true }
                }
            },
            { server in
                let client = try server.connect(receiveBufferBytes: 4_096)
                try client.send("GET / HTTP/1.1\r\nHost: a\r\n\r\n")
                try await eventually("it is cut") { isCut.value }
                #expect(server.statistics.openConnections == 0)
                withExtendedLifetime(client) {}
            }
        )
    }

    @Test func `A whole response that nobody reads is cut too`() async throws {
        var limits = HTTPLimits()
        limits.writeStallTimeout = .milliseconds(100)
        try await TestServer.run(
            limits: limits,
            handler: { _, exchange in
                try? exchange.respond(
                    status: 200,
                    fields: [:],
                    body: [UInt8](repeating: 0x78, count: 3_000_000)
                )
            },
            { server in
                let client = try server.connect(receiveBufferBytes: 4_096)
                try client.send("GET / HTTP/1.1\r\nHost: a\r\n\r\n")
                try await eventually("it is served") { server.statistics.requests == 1 }
                try await eventually("it is cut") { server.statistics.openConnections == 0 }
                withExtendedLifetime(client) {}
            }
        )
    }
}
