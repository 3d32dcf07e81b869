import EventLoop
import Glibc
import Testing

@testable import Curl

@Suite struct SocketWatchesTests {
    /// curl's `CURL_POLL_IN`, `CURL_POLL_OUT` and `CURL_POLL_REMOVE`.
    private static let (reading, writing, nothing): (Int32, Int32, Int32) = (1, 2, 4)

    @Test func `a connection that was given up while it was made wakes who has its number next`()
        async throws
    {
        try await onLoop { _, loop in
            let watches = SocketWatches(loop: loop, receiveBufferBytes: nil)
            defer { watches.forgetAll() }
            let (number, peer) = Self.pair()
            defer { close(peer) }
            watches.opened(number)
            try watches.change(number, Self.writing) { _ in }
            try watches.change(number, Self.nothing) { _ in }
            // Two lookups in turn, whose sockets get its number; curl tells of no end of any.
            for _ in 0..<2 {
                let (lookup, resolver) = Self.pair()
                dup2(lookup, number)
                close(lookup)
                var isReady = false
                try watches.change(number, Self.reading) { _ in isReady = true }
                write(resolver, "x", 1)
                for _ in 0..<1_000 where !isReady { await loop.sleep(for: .milliseconds(10)) }
                #expect(isReady)
                try watches.change(number, Self.nothing) { _ in }
                close(resolver)
            }
            close(number)
        }
    }

    private static func pair() -> (Int32, Int32) {
        var ends: [Int32] = [-1, -1]
        #expect(socketpair(AF_UNIX, Int32(SOCK_STREAM.rawValue), 0, &ends) == 0)
        return (ends[0], ends[1])
    }
}
