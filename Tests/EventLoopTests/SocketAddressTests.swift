import EventLoop
import Testing

@Suite struct SocketAddressTests {
    @Test(arguments: [
        "127.0.0.1:8080", "0.0.0.0:0", "255.255.255.255:65535", "[::1]:8080", "[::]:0",
        "[2001:db8::8a2e:370:7334]:443",
    ])
    func `An address prints as it was written`(text: String) throws {
        #expect(try #require(SocketAddress(text)).description == text)
    }

    @Test(arguments: [
        "", ":", "127.0.0.1", "127.0.0.1:", "127.0.0.1:65536", "127.0.0.1:-1", "127.0.0.1:+1",
        "localhost:80", "127.0.0.1.1:80", "::1:80", "[::1]", "[::1:80", "::1]:80", "[]:80",
        "127.0.0.1:8 0", "[127.0.0.1]:80", "010.0.0.1:80",
    ])
    func `Anything else is refused`(text: String) {
        #expect(SocketAddress(text) == nil)
    }

    @Test func `Loopback is told from the rest`() {
        #expect(SocketAddress("127.9.9.9:1")?.isLoopback == true)
        #expect(SocketAddress("[::1]:1")?.isLoopback == true)
        #expect(SocketAddress("[::ffff:127.0.0.1]:1")?.isLoopback == true)
        #expect(SocketAddress("10.0.0.1:1")?.isLoopback == false)
        #expect(SocketAddress("[::2]:1")?.isLoopback == false)
    }
}
