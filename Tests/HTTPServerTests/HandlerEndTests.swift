import EventLoop
import Glibc
import HTTPServer
import Testing

/// Handlers that end badly, and servers that stop.
@Suite struct HandlerEndTests {
    @Test func `A handler that does not respond is answered for with 500`() async throws {
        try await TestServer.run(
            handler: { _, _ in },
            { server in
                let client = try server.connect()
                try client.send("GET / HTTP/1.1\r\nHost: a\r\n\r\n")
                let response = try client.readResponse()
                #expect(response.status == 500)
                #expect(response.fields["connection"] == "close")
                #expect(try client.isAtEnd())
            }
        )
    }

    @Test(arguments: [true, false])
    func `An unfinished stream is seen to be cut, aborted or left`(isAborted: Bool) async throws {
        try await TestServer.run(
            handler: { _, exchange in
                try? exchange.begin(status: 200, fields: [:])
                try? exchange.write(Array("part".utf8))
                if isAborted {
                    exchange.onClientGone { Issue.record("it left by itself") }
                    exchange.abort()
                    #expect(throws: ClientGone.self) { try exchange.write([0x78]) }
                }
            },
            { server in
                let client = try server.connect()
                try client.send("GET / HTTP/1.1\r\nHost: a\r\n\r\n")
                let chunked = try client.readResponse()
                #expect(chunked.text == "part")
                #expect(!chunked.isWhole)
                // Without chunks only a reset tells it.
                let old = try server.connect()
                try old.send("GET / HTTP/1.0\r\n\r\n")
                #expect(throws: TestClient.ConnectionReset.self) { try old.readResponse() }
            }
        )
    }

    @Test func `Stopping lets an open stream end and closes it then`() async throws {
        let gate = Shared(false)
        let (loop, server) = try await started { _, exchange in
            try? exchange.begin(status: 200, fields: [:])
            try? exchange.write(Array("a".utf8))
            while !gate.value { try? await Task.sleep(for: .milliseconds(1)) }
            try? exchange.write(Array("b".utf8))
            try? exchange.finish()
        }
        let streaming = try TestClient(to: server.boundAddress)
        try streaming.send("GET / HTTP/1.1\r\nHost: a\r\n\r\n")
        let idle = try TestClient(to: server.boundAddress)
        try await eventually("both are connected") {
            server.statistics.requests == 1 && server.statistics.openConnections == 2
        }
        // On the loop, because the blocking client may hold the pool's threads.
        let stop = loop.spawn { await server.stop(by: .now + .seconds(20)) }
        #expect(try idle.isAtEnd())
        #expect(throws: SystemError(call: "connect", code: ECONNREFUSED)) {
            try TestClient(to: server.boundAddress)
        }
        try await eventually("only the stream is left") {
            server.statistics.openConnections == 1
        }
        gate.update { $0 = true }
        let response = try streaming.readResponse()
        #expect(response.text == "ab")
        #expect(response.isWhole)
        #expect(try streaming.isAtEnd())
        streaming.close()
        await stop.value
        await loop.stop()
    }

    @Test func `A response begun while stopping says that the connection closes`() async throws {
        let gate = Shared(false)
        let (loop, server) = try await started { _, exchange in
            while !gate.value { try? await Task.sleep(for: .milliseconds(1)) }
            try? exchange.respond(status: 200, fields: [:], body: [])
        }
        let client = try TestClient(to: server.boundAddress)
        try client.send("GET / HTTP/1.1\r\nHost: a\r\n\r\n")
        let idle = try TestClient(to: server.boundAddress)
        try await eventually("both are connected") {
            server.statistics.requests == 1 && server.statistics.openConnections == 2
        }
        // On the loop, because the blocking client may hold the pool's threads.
        let stop = loop.spawn { await server.stop(by: .now + .seconds(20)) }
        #expect(try idle.isAtEnd())
        gate.update { $0 = true }
        #expect(try client.readResponse().fields["connection"] == "close")
        client.close()
        await stop.value
        await loop.stop()
    }

    @Test func `The deadline cuts what still runs and cancels its handler`() async throws {
        let ending = Shared("")
        let (loop, server) = try await started { _, exchange in
            try? exchange.begin(status: 200, fields: [:])
            try? await Task.sleep(for: .seconds(600))
            ending.update { $0 = Task.isCancelled ? "cancelled" : "slept" }
        }
        let client = try TestClient(to: server.boundAddress)
        try client.send("GET / HTTP/1.1\r\nHost: a\r\n\r\n")
        try await eventually("it runs") { server.statistics.requests == 1 }
        await server.stop(by: .now + .milliseconds(30))
        #expect(server.statistics.openConnections == 0)
        try await eventually("the handler ends") { ending.value != "" }
        #expect(ending.value == "cancelled")
        #expect(try !client.readResponse().isWhole)
        await loop.stop()
    }

    @Test func `A port that is taken is told at the start`() async throws {
        let (loop, server) = try await started(echo)
        let second = HTTPServer(loop: loop, address: server.boundAddress, handler: echo)
        await #expect(throws: SystemError(call: "bind", code: EADDRINUSE)) {
            try await second.start()
        }
        await server.stop(by: .now + .seconds(1))
        await loop.stop()
    }

    private func started(
        _ handler: @escaping HTTPHandler
    ) async throws -> (EventLoop, HTTPServer) {
        let loop = EventLoop(name: "server")
        try loop.start()
        let server = HTTPServer(loop: loop, address: .loopback(port: 0), handler: handler)
        try await server.start()
        return (loop, server)
    }
}
