import Schema
import Testing

@testable import Ingress

@Suite struct ClientAddressTests {
    private let proxies = ["127.0.0.0/8", "10.0.0.0/8", "fd00::/8"].compactMap { AddressRange($0) }

    private func find(_ peer: String, _ forwarded: String...) throws -> IPAddress? {
        ClientAddress.find(
            peer: try #require(IPAddress(peer)),
            forwarded: forwarded,
            trusting: proxies
        )
    }

    @Test func `without a proxy the peer is the client, whatever it claims`() throws {
        #expect(try find("203.0.113.5", "10.1.1.1") == IPAddress("203.0.113.5"))
        #expect(try find("203.0.113.5") == IPAddress("203.0.113.5"))
    }

    @Test func `a trusted proxy says whom it heard`() throws {
        #expect(try find("127.0.0.1", "203.0.113.5") == IPAddress("203.0.113.5"))
        #expect(try find("127.0.0.1", "203.0.113.5, 10.2.2.2") == IPAddress("203.0.113.5"))
        #expect(try find("127.0.0.1", "203.0.113.5", "10.2.2.2") == IPAddress("203.0.113.5"))
        #expect(try find("fd00::1", "2001:db8::9") == IPAddress("2001:db8::9"))
    }

    @Test func `what a client wrote itself counts for nothing`() throws {
        #expect(try find("127.0.0.1", "10.9.9.9, 203.0.113.5") == IPAddress("203.0.113.5"))
        #expect(
            try find("127.0.0.1", "192.0.2.1", "203.0.113.5,10.1.1.1") == IPAddress("203.0.113.5")
        )
        #expect(try find("127.0.0.1", "nonsense, 203.0.113.5") == IPAddress("203.0.113.5"))
    }

    @Test func `a call from within the proxies is theirs`() throws {
        #expect(try find("127.0.0.1") == IPAddress("127.0.0.1"))
        #expect(try find("127.0.0.1", "10.1.1.1") == IPAddress("10.1.1.1"))
    }

    @Test(arguments: ["", "unknown", "_hidden", "1.2.3", "203.0.113.5, "])
    func `what a trusted proxy passes on unread has no address`(entry: String) throws {
        let found = try find("127.0.0.1", entry)
        #expect(entry.isEmpty ? found == IPAddress("127.0.0.1") : found == nil)
    }

    @Test func `ports and brackets are taken off`() throws {
        #expect(try find("127.0.0.1", "203.0.113.5:4711") == IPAddress("203.0.113.5"))
        #expect(try find("127.0.0.1", "[2001:db8::1]:4711") == IPAddress("2001:db8::1"))
        #expect(try find("127.0.0.1", "[2001:db8::1]") == IPAddress("2001:db8::1"))
    }
}
