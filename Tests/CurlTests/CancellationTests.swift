import Curl
import EventLoop
import Synchronization
import Testing

@Suite(.timeLimit(.minutes(1))) struct CancellationTests {
    /// A server that sends a head and a first chunk, and tells when its peer has left.
    private func streamingServer(_ peerHasLeft: Gate) -> ScriptedServer {
        ScriptedServer { connection, _ in
            _ = connection.readRequest()
            connection.send("HTTP/1.1 200 OK\r\ntransfer-encoding: chunked\r\n\r\n")
            connection.sendChunk("one")
            connection.waitForPeerToClose()
            peerHasLeft.open()
        }
    }

    @Test func `cancel closes the connection in mid-stream`() async throws {
        let peerHasLeft = Gate()
        let server = streamingServer(peerHasLeft)
        defer { server.stop() }
        try await onLoop { client, _ in
            let response = try await client.send(.post(server.url))
            _ = try await response.next()
            response.cancel()
            #expect(await peerHasLeft.opens())
            let error = await curlError { () async throws(CurlError) in
                try await response.next()
            }
            #expect(error?.kind == .cancelled)
            #expect(error?.fault == .caller)
            #expect(client.counters.open == 0)
        }
    }

    @Test func `a response that is dropped is cancelled`() async throws {
        let peerHasLeft = Gate()
        let server = streamingServer(peerHasLeft)
        defer { server.stop() }
        try await onLoop { client, _ in
            _ = try await client.send(.post(server.url)).next()
            #expect(await peerHasLeft.opens())
            #expect(client.counters.open == 0)
        }
    }

    @Test func `cancelling the task that waits for the head cancels the transfer`() async throws {
        let requestArrived = Gate()
        let peerHasLeft = Gate()
        let server = ScriptedServer { connection, _ in
            _ = connection.readRequest()
            requestArrived.open()
            connection.waitForPeerToClose()
            peerHasLeft.open()
        }
        defer { server.stop() }
        try await onLoop { client, loop in
            let bound = LoopBound(client, loop: loop)
            let task = Task(executorPreference: loop) {
                await curlError { () async throws(CurlError) in
                    try await bound.value.send(.post(server.url))
                }
            }
            #expect(await requestArrived.opens())
            task.cancel()
            let error = await task.value
            #expect(error?.kind == .cancelled)
            #expect(error?.isRetrySafe == false)
            #expect(await peerHasLeft.opens())
        }
    }

    @Test func `cancelling the task that waits for the body cancels the transfer`() async throws {
        let peerHasLeft = Gate()
        let firstWasRead = Gate()
        let server = streamingServer(peerHasLeft)
        defer { server.stop() }
        try await onLoop { client, loop in
            let bound = LoopBound(client, loop: loop)
            let task = Task(executorPreference: loop) {
                let response = try await bound.value.send(.post(server.url))
                _ = try await response.next()
                firstWasRead.open()
                return await curlError { () async throws(CurlError) in
                    try await response.next()
                }
            }
            #expect(await firstWasRead.opens())
            task.cancel()
            let error = try await task.value
            #expect(error?.kind == .cancelled)
            #expect(await peerHasLeft.opens())
        }
    }

    @Test func `a task that was cancelled before sends nothing that is waited for`() async throws {
        let server = ScriptedServer { connection, _ in connection.waitForPeerToClose() }
        defer { server.stop() }
        try await onLoop { client, loop in
            let bound = LoopBound(client, loop: loop)
            let task = Task(executorPreference: loop) {
                withUnsafeCurrentTask { $0?.cancel() }
                return await curlError { () async throws(CurlError) in
                    try await bound.value.send(.post(server.url))
                }
            }
            let error = await task.value
            #expect(error?.kind == .cancelled)
            #expect(error?.isRetrySafe == true)
        }
    }

    @Test func `cancelling while a name is looked up does not block the loop`() async throws {
        try await onLoop { client, loop in
            let bound = LoopBound(client, loop: loop)
            let task = Task(executorPreference: loop) {
                await curlError { () async throws(CurlError) in
                    try await bound.value.send(.post("http://no-such-host.invalid/"))
                }
            }
            // Two turns: one for the task to start, one for curl to start its look-up.
            for _ in 0..<2 { await loop.sleep(for: .zero) }
            task.cancel()
            let error = await task.value
            #expect(error?.isRetrySafe == true)
            #expect(client.counters.open == 0)
        }
    }

    @Test func `close ends every transfer, and the loop can stop`() async throws {
        let arrived = Atomic<Int>(0)
        let allHaveArrived = Gate()
        let server = ScriptedServer { connection, number in
            _ = connection.readRequest()
            if number % 2 == 0 {
                connection.send("HTTP/1.1 200 OK\r\ncontent-length: 9\r\n\r\n")
            }
            if arrived.add(1, ordering: .relaxed).newValue == 20 { allHaveArrived.open() }
            connection.waitForPeerToClose()
        }
        defer { server.stop() }
        let kinds = try await onLoop { client, loop in
            let bound = LoopBound(client, loop: loop)
            let tasks = (0..<20).map { _ in
                Task(executorPreference: loop) {
                    await curlError { () async throws(CurlError) in
                        try await bound.value.send(.post(server.url)).rest()
                    }
                }
            }
            #expect(await allHaveArrived.opens())
            client.close()
            var kinds: [CurlError.Kind?] = []
            for task in tasks { kinds.append(await task.value?.kind) }
            let late = await curlError { () async throws(CurlError) in
                try await client.send(.post(server.url))
            }
            #expect(late?.isRetrySafe == true)
            return kinds + [late?.kind]
        }
        #expect(kinds == Array(repeating: .closed, count: 21))
    }
}
