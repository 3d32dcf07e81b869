import Curl
import EventLoop
import Glibc
import Synchronization
import Testing

@Suite(.timeLimit(.minutes(1))) struct BackPressureTests {
    private static let bytesTotal = 50_000_000

    /// Sends the pattern as fast as it is taken, and counts.
    private func fastServer(_ sent: FastServerCount, isChunked: Bool) -> ScriptedServer {
        ScriptedServer { connection, _ in
            _ = connection.readRequest()
            let framing =
                isChunked
                ? "transfer-encoding: chunked" : "content-length: \(Self.bytesTotal)"
            connection.send("HTTP/1.1 200 OK\r\n\(framing)\r\n\r\n")
            var position = 0
            while position < Self.bytesTotal {
                let count = min(50_000, Self.bytesTotal - position)
                if isChunked { connection.send(String(count, radix: 16) + "\r\n") }
                guard connection.send(Pattern.bytes(at: position, count: count)) else { return }
                if isChunked { connection.send("\r\n") }
                position += count
                sent.bytes.store(position, ordering: .relaxed)
            }
            if isChunked { connection.send("0\r\n\r\n") }
        }
    }

    @Test(arguments: [(false, 16_384), (true, 16_384), (true, 1_024)])
    func `a slow reader stops the upstream, and everything arrives intact`(
        isChunked: Bool,
        readBytesMax: Int
    ) async throws {
        let sent = FastServerCount()
        let server = fastServer(sent, isChunked: isChunked)
        defer { server.stop() }
        try await onLoop { client, loop in
            let request = CurlRequest.post(server.url).with {
                $0.bufferBytesMax = 100_000
                $0.readBytesMax = readBytesMax
            }
            let response = try await client.send(request)
            // Nobody reads: wait until the upstream has stopped making progress.
            var before = -1
            while sent.bytes.load(ordering: .relaxed) != before || before <= 0 {
                before = sent.bytes.load(ordering: .relaxed)
                await loop.sleep(for: .milliseconds(200))
            }
            #expect(before < 20_000_000, "bounded by the buffers of both kernels")

            var position = 0
            var largest = 0
            while let bytes = try await response.next() {
                largest = max(largest, bytes.count)
                try #require(Pattern.matches(bytes, at: position))
                position += bytes.count
            }
            #expect(position == Self.bytesTotal)
            #expect(largest <= 100_000)
        }
    }

    @Test func `the time that the reader takes is not the upstream's silence`() async throws {
        let sent = FastServerCount()
        let server = fastServer(sent, isChunked: false)
        defer { server.stop() }
        try await onLoop { client, loop in
            let request = CurlRequest.post(server.url).with {
                $0.bufferBytesMax = 20_000
                $0.timeouts.idle = .seconds(1)
            }
            let response = try await client.send(request)
            await loop.sleep(for: .milliseconds(2_500))
            #expect(try await response.rest().count == Self.bytesTotal)
        }
    }

    @Test func `a paused transfer can be cancelled`() async throws {
        let server = fastServer(FastServerCount(), isChunked: true)
        defer { server.stop() }
        try await onLoop { client, loop in
            let response = try await client.send(
                .post(server.url).with { $0.bufferBytesMax = 1_000 }
            )
            await loop.sleep(for: .milliseconds(100))
            response.cancel()
            #expect(client.counters.open == 0)
        }
    }

    @Test func `a paused transfer does not hold up another`() async throws {
        let server = fastServer(FastServerCount(), isChunked: false)
        defer { server.stop() }
        try await onLoop { client, _ in
            let paused = try await client.send(.post(server.url))
            let other = try await client.send(.post(server.url))
            #expect(try await other.rest().count == Self.bytesTotal)
            paused.cancel()
        }
    }
}

/// How many bytes the server has handed to its kernel.
final class FastServerCount: Sendable {
    let bytes = Atomic<Int>(0)
}

/// Bytes in which nothing can be lost, doubled or swapped unseen: a period that is prime.
private enum Pattern {
    private static let period = 100_003
    private static let twice = (0..<(2 * period)).map {
        UInt8(truncatingIfNeeded: ($0 % period) &* 2_654_435_761 >> 13)
    }

    static func bytes(at position: Int, count: Int) -> [UInt8] {
        let start = position % period
        return Array(twice[start..<(start + count)])
    }

    static func matches(_ bytes: [UInt8], at position: Int) -> Bool {
        bytes == self.bytes(at: position, count: bytes.count)
    }
}
