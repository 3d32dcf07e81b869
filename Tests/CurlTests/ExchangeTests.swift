import Curl
import EventLoop
import Foundation
import Synchronization
import Testing

@Suite(.timeLimit(.minutes(1))) struct ExchangeTests {
    @Test func `a request arrives as it was given and the response comes back`() async throws {
        let seen = Mutex("")
        let server = ScriptedServer { connection, _ in
            seen.withLock { $0 = connection.readRequest() ?? "" }
            connection.respond(fields: "X-Upstream: yes\r\n", body: "hello")
        }
        defer { server.stop() }
        let text = try await onLoop { client, _ in
            let request = CurlRequest(
                method: "POST",
                url: server.url + "/v1/../chat?a=b",
                fields: [
                    ("authorization", "Bearer k"), ("content-type", "application/json"),
                    ("x-empty", ""),
                ],
                body: Array("{\"a\":1}".utf8)
            )
            let response = try await client.send(request)
            #expect(response.status == 200)
            #expect(response.field("x-upstream") == "yes")
            return try await response.text()
        }
        #expect(text == "hello")
        let lines = seen.withLock { $0 }.components(separatedBy: "\r\n")
        #expect(lines.first == "POST /v1/../chat?a=b HTTP/1.1")
        #expect(
            Set(lines.dropFirst().map { $0.lowercased() }) == [
                "host: 127.0.0.1:\(server.port)", "user-agent: farebox", "authorization: bearer k",
                "content-type: application/json", "x-empty:", "accept-encoding: identity",
                "content-length: 7", "", "{\"a\":1}",
            ],
            "curl adds no field of its own accord"
        )
    }

    @Test(arguments: ["GET", "HEAD", "DELETE", "POST", "PUT"])
    func `methods go out as they are`(method: String) async throws {
        let server = ScriptedServer { connection, _ in
            while let request = connection.readRequest() {
                let length = method == "HEAD" ? "999" : "0"
                let verb = request.split(separator: " ")[0]
                let announced = request.lowercased().contains("content-length: 0")
                connection.send(
                    "HTTP/1.1 200 OK\r\ncontent-length: \(length)\r\n"
                        + "x-verb: \(verb) \(announced)\r\n\r\n"
                )
            }
        }
        defer { server.stop() }
        let verb = try await onLoop { client, _ in
            let response = try await client.send(CurlRequest(method: method, url: server.url))
            #expect(try await response.rest().isEmpty)
            return response.field("x-verb")
        }
        #expect(verb == "\(method) \(method.hasPrefix("P"))")
    }

    @Test func `an error status is a response`() async throws {
        let server = ScriptedServer { connection, _ in
            _ = connection.readRequest()
            connection.respond("429 Too Many Requests", fields: "retry-after: 7\r\n", body: "slow")
        }
        defer { server.stop() }
        try await onLoop { client, _ in
            let response = try await client.send(.post(server.url))
            #expect(response.status == 429)
            #expect(response.field("retry-after") == "7")
            #expect(try await response.text() == "slow")
        }
    }

    @Test func `a redirect is handed over, not followed`() async throws {
        let server = ScriptedServer { connection, _ in
            while connection.readRequest() != nil {
                connection.respond("302 Found", fields: "location: /elsewhere\r\n", body: "")
            }
        }
        defer { server.stop() }
        try await onLoop { client, _ in
            let response = try await client.send(.get(server.url))
            #expect(response.status == 302)
            #expect(response.field("location") == "/elsewhere")
        }
    }

    @Test func `chunks are read as they come, the first before the second is sent`() async throws {
        let firstWasRead = Gate()
        let server = ScriptedServer { connection, _ in
            _ = connection.readRequest()
            connection.send("HTTP/1.1 200 OK\r\ntransfer-encoding: chunked\r\n\r\n")
            connection.sendChunk("one")
            guard firstWasRead.wait() else { return }
            connection.sendChunk("two")
            connection.send("0\r\nx-trailer: t\r\n\r\n")
        }
        defer { server.stop() }
        try await onLoop { client, _ in
            let response = try await client.send(.post(server.url))
            #expect(try await response.next() == Array("one".utf8))
            firstWasRead.open()
            #expect(try await response.text() == "two")
            #expect(response.field("x-trailer") == nil)
        }
    }

    @Test func `the head is enough for send to return`() async throws {
        let headWasRead = Gate()
        let server = ScriptedServer { connection, _ in
            _ = connection.readRequest()
            connection.send("HTTP/1.1 200 OK\r\ncontent-length: 4\r\n\r\n")
            if headWasRead.wait() { connection.send("body") }
        }
        defer { server.stop() }
        try await onLoop { client, _ in
            let response = try await client.send(.post(server.url))
            #expect(response.status == 200)
            headWasRead.open()
            #expect(try await response.text() == "body")
        }
    }

    @Test func `interim responses are skipped`() async throws {
        let server = ScriptedServer { connection, _ in
            _ = connection.readRequest()
            connection.send("HTTP/1.1 100 Continue\r\n\r\n")
            connection.send("HTTP/1.1 103 Early Hints\r\nlink: </a>\r\n\r\n")
            connection.respond("201 Created", body: "done")
        }
        defer { server.stop() }
        try await onLoop { client, _ in
            let response = try await client.send(.post(server.url))
            #expect(response.status == 201)
            #expect(response.field("link") == nil)
            #expect(try await response.text() == "done")
        }
    }

    @Test func `a connection is used again and counted`() async throws {
        let server = ScriptedServer { connection, _ in
            while connection.readRequest() != nil { connection.respond(body: "x") }
        }
        defer { server.stop() }
        let counters = try await onLoop { client, _ in
            for _ in 0..<5 { _ = try await client.send(.post(server.url)).rest() }
            return client.counters
        }
        #expect(server.acceptedCount == 1)
        #expect(counters.transfers == 5)
        #expect(counters.connects == 1)
        #expect(counters.reuses == 4)
        #expect(counters.open == 0)
    }

    @Test func `a handle that is used again has forgotten the earlier request`() async throws {
        let requests = Mutex<[String]>([])
        let server = ScriptedServer { connection, _ in
            while let request = connection.readRequest() {
                requests.withLock { $0.append(request.lowercased()) }
                connection.respond(body: "x")
            }
        }
        defer { server.stop() }
        try await onLoop { client, _ in
            let first = CurlRequest.post(server.url, "secret body").with {
                $0.fields += [("authorization", "Bearer secret"), ("user-agent", "first")]
            }
            _ = try await client.send(first).rest()
            _ = try await client.send(.post(server.url, "other")).rest()
            _ = try await client.send(.get(server.url)).rest()
        }
        let later = requests.withLock { $0.dropFirst() }
        #expect(later.count == 2)
        for request in later {
            #expect(!request.contains("authorization"))
            #expect(!request.contains("secret"))
            #expect(request.contains("user-agent: farebox"))
        }
        let post = try #require(later.first)
        #expect(post.contains("content-length: 5\r\n"))
        #expect(post.hasSuffix("\r\n\r\nother"))
        let get = try #require(later.last)
        #expect(get.hasPrefix("get / http/1.1\r\n"))
        #expect(!get.contains("content-"))
    }

    @Test func `more targets than handles are kept for take turns`() async throws {
        let server = ScriptedServer { connection, _ in
            while let request = connection.readRequest() {
                connection.respond(body: String(request.split(separator: " ")[1]))
            }
        }
        defer { server.stop() }
        var configuration = CurlConfiguration()
        configuration.handlesMax = 2
        let answers = try await onLoop(configuration) { client, _ in
            var answers: [String] = []
            for path in ["/a", "/b", "/c", "/a", "/a", "/b"] {
                answers.append(try await client.send(.post(server.url + path)).text())
            }
            return answers
        }
        #expect(answers == ["/a", "/b", "/c", "/a", "/a", "/b"])
        #expect(server.acceptedCount == 1)
    }

    @Test func `connections that end while they lie idle are replaced`() async throws {
        let server = ScriptedServer { connection, _ in
            _ = connection.readRequest()
            connection.respond(body: "x")
        }
        defer { server.stop() }
        let counters = try await onLoop { client, loop in
            for _ in 0..<3 {
                _ = try await client.send(.post(server.url)).rest()
                await loop.sleep(for: .milliseconds(50))
            }
            return client.counters
        }
        #expect(counters.transfers == 3)
        #expect(counters.connects == 3)
    }

    @Test func `a large body arrives whole`() async throws {
        let server = ScriptedServer { connection, _ in
            let request = connection.readRequest() ?? ""
            let body = request.components(separatedBy: "\r\n\r\n").last ?? ""
            let isIntact = body == String(repeating: "0123456789", count: 200_000)
            connection.respond(body: "\(isIntact)")
        }
        defer { server.stop() }
        let text = try await onLoop { client, _ in
            let body = String(repeating: "0123456789", count: 200_000)
            return try await client.send(.post(server.url, body)).text()
        }
        #expect(text == "true")
    }

    @Test func `five hundred transfers run at once on one loop`() async throws {
        let everybodyIsHere = Gate()
        let arrived = Atomic<Int>(0)
        let server = ScriptedServer { connection, _ in
            while let request = connection.readRequest() {
                if arrived.add(1, ordering: .relaxed).newValue == 500 { everybodyIsHere.open() }
                guard everybodyIsHere.wait() else { return }
                connection.respond(body: String(request.split(separator: " ")[1]))
            }
        }
        defer { server.stop() }
        let correct = try await onLoop { client, loop in
            let client = LoopBound(client, loop: loop)
            return await withTaskGroup(of: Bool.self) { group in
                for number in 0..<500 {
                    group.addTask(executorPreference: loop) {
                        let request = CurlRequest.get(server.url + "/\(number)")
                        let text = try? await client.value.send(request).text()
                        return text == "/\(number)"
                    }
                }
                return await group.reduce(0) { $0 + ($1 ? 1 : 0) }
            }
        }
        #expect(correct == 500)
    }
}
