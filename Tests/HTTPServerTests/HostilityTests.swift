import EventLoop
import Glibc
import HTTPServer
import Testing

/// Clients that break the protocol, over real sockets.
@Suite struct HostilityTests {
    @Test(arguments: HostileRequest.all)
    func `Hostile requests are refused with the status and the connection closed`(
        request: HostileRequest
    ) async throws {
        try await TestServer.run(limits: HostileRequest.limits, handler: echo) { server in
            let client = try server.connect()
            client.sendIgnoringRefusal(request.bytes)
            try expectRefusal(of: request, by: client)
            let isHead = HostileRequest.heads.contains { $0.bytes == request.bytes }
            #expect(server.statistics.requests == (isHead ? 0 : 1))
            #expect(server.statistics.refusedRequests == (isHead ? 1 : 0))
        }
    }

    @Test(arguments: HostileRequest.all.filter { $0.bytes.count < 2_048 })
    func `Hostile requests are refused byte by byte too`(request: HostileRequest) async throws {
        try await TestServer.run(limits: HostileRequest.limits, handler: echo) { server in
            let client = try server.connect()
            for byte in request.bytes { client.sendIgnoringRefusal([byte]) }
            try expectRefusal(of: request, by: client)
        }
    }

    /// In a body the handler only learns that it is too large or malformed.
    private func expectRefusal(of request: HostileRequest, by client: TestClient) throws {
        let isHead = HostileRequest.heads.contains { $0.bytes == request.bytes }
        let response = try client.readResponse()
        #expect(response.status == (isHead || request.status == 413 ? request.status : 400))
        #expect(response.fields["connection"] == "close")
        #expect(response.fields["content-type"] == "application/json")
        #expect(response.text.hasPrefix(#"{"error":{"message":""#))
        #expect(response.isWhole)
        #expect(try client.isAtEnd())
    }

    @Test func `A violation behind a good request is refused after its answer`() async throws {
        try await TestServer.run(handler: echo) { server in
            let client = try server.connect()
            try client.send(
                "GET /good HTTP/1.1\r\nHost: a\r\n\r\nbad / HTTP/1.1\r\nHost: a\r\n\r\n"
            )
            #expect(try client.readResponse().text == "GET /good ")
            #expect(try client.readResponse().status == 400)
            #expect(try client.isAtEnd())
        }
    }

    @Test func `Nothing behind a closing request is answered`() async throws {
        try await TestServer.run(handler: echo) { server in
            let client = try server.connect()
            try client.send(
                "GET /1 HTTP/1.1\r\nHost: a\r\nConnection: close\r\n\r\n"
                    + "GET /2 HTTP/1.1\r\nHost: a\r\n\r\n"
            )
            #expect(try client.readResponse().text == "GET /1 ")
            #expect(try client.isAtEnd())
            #expect(server.statistics.requests == 1)
        }
    }

    @Test func `A body over the reader's own limit is refused before it is sent`() async throws {
        try await TestServer.run(
            handler: { _, exchange in
                _ = try? await exchange.readBody(bytesMax: 10)
            },
            { server in
                for framing in ["Expect: 100-continue\r\nContent-Length: 11", "Content-Length: 11"]
                {
                    let client = try server.connect()
                    try client.send("POST / HTTP/1.1\r\nHost: a\r\n\(framing)\r\n\r\n")
                    #expect(try client.readResponse(interim: true).status == 413)
                    #expect(try client.isAtEnd())
                }
                let client = try server.connect()
                try client.send(
                    "POST / HTTP/1.1\r\nHost: a\r\nTransfer-Encoding: chunked\r\n\r\nb\r\n01234567890"
                )
                #expect(try client.readResponse().status == 413)
                #expect(try client.isAtEnd())
            }
        )
    }

    @Test func `An unfinished head is answered with 408 in time`() async throws {
        var limits = HTTPLimits()
        limits.headTimeout = .milliseconds(50)
        try await TestServer.run(limits: limits, handler: echo) { server in
            let client = try server.connect()
            try client.send("GET / HTTP/1.1\r\nHost: a\r\n")
            #expect(try client.readResponse().status == 408)
            #expect(try client.isAtEnd())
            // On a kept connection too, however long it was idle before.
            let kept = try server.connect()
            try kept.send("GET / HTTP/1.1\r\nHost: a\r\n\r\n")
            #expect(try kept.readResponse().status == 200)
            try kept.send("GET /")
            #expect(try kept.readResponse().status == 408)
        }
    }

    @Test func `A head that drips does not outlive its timeout`() async throws {
        var limits = HTTPLimits()
        limits.headTimeout = .milliseconds(100)
        try await TestServer.run(limits: limits, handler: echo) { server in
            let client = try server.connect()
            let start = ContinuousClock.now
            try client.send("GET / HTTP/1.1\r\nHost: a\r\n")
            while server.statistics.refusedRequests == 0 {
                try #require(start.duration(to: .now) < .seconds(20))
                client.sendIgnoringRefusal(Array("X: y\r\n".utf8))
                try await Task.sleep(for: .milliseconds(10))
            }
            #expect(try client.readResponse().status == 408)
        }
    }

    @Test func `Silent and idle connections are closed without a word`() async throws {
        var limits = HTTPLimits()
        limits.headTimeout = .milliseconds(50)
        limits.idleTimeout = .milliseconds(50)
        try await TestServer.run(limits: limits, handler: echo) { server in
            let silent = try server.connect()
            #expect(try silent.readToEnd().isEmpty)
            let idle = try server.connect()
            try idle.send("GET / HTTP/1.1\r\nHost: a\r\n\r\n")
            #expect(try idle.readResponse().status == 200)
            #expect(try idle.readToEnd().isEmpty)
        }
    }

    @Test func `A body that stops is answered with 408`() async throws {
        var limits = HTTPLimits()
        limits.bodyTimeout = .milliseconds(50)
        try await TestServer.run(limits: limits, handler: echo) { server in
            let client = try server.connect()
            try client.send("POST / HTTP/1.1\r\nHost: a\r\nContent-Length: 5\r\n\r\nhel")
            let response = try client.readResponse()
            #expect(response.status == 408)
            #expect(response.fields["connection"] == "close")
            #expect(try client.isAtEnd())
        }
    }

    @Test func `A body may take longer than the timeout when it comes fast enough`() async throws {
        var limits = HTTPLimits()
        limits.bodyTimeout = .milliseconds(100)
        // Every byte that comes gives a second.
        limits.bodyBytesPerSecondMin = 1
        try await TestServer.run(limits: limits, handler: echo) { server in
            let client = try server.connect()
            try client.send("POST / HTTP/1.1\r\nHost: a\r\nContent-Length: 40\r\n\r\n")
            for _ in 0..<2 {
                try client.send(String(repeating: "x", count: 20))
                try await Task.sleep(for: .milliseconds(200))
            }
            #expect(try client.readResponse().status == 200)
        }
    }

    @Test func `At capacity an idle connection makes room, and else new ones wait`() async throws {
        let gate = Shared(false)
        var limits = HTTPLimits()
        limits.connectionsMax = 2
        try await TestServer.run(
            limits: limits,
            handler: { request, exchange in
                while request.path == "/wait" && !gate.value {
                    try? await Task.sleep(for: .milliseconds(1))
                }
                try? exchange.respond(status: 200, fields: [:], body: [])
            },
            { server in
                let busy = try server.connect()
                try busy.send("GET /wait HTTP/1.1\r\nHost: a\r\n\r\n")
                try await eventually("the first runs") { server.statistics.requests == 1 }
                // The second is idle when the count reaches the limit, and makes room.
                let idle = try server.connect()
                #expect(try idle.isAtEnd())
                let second = try server.connect()
                try second.send("GET /wait HTTP/1.1\r\nHost: a\r\n\r\n")
                try await Task.sleep(for: .milliseconds(20))
                gate.update { $0 = true }
                #expect(try busy.readResponse().status == 200)
                busy.close()
            }
        )
    }
}
