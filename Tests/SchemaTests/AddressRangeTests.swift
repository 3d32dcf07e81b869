import Schema
import Testing

@Suite struct AddressRangeTests {
    @Test(
        arguments: [
            ("192.0.2.1", 0, 0xffff_c000_0201), ("::", 0, 0), ("::1", 0, 1),
            ("2001:db8::8:800:200c:417a", 0x2001_0db8_0000_0000, 0x0008_0800_200c_417a),
            ("1:2:3:4:5:6:7:8", 0x0001_0002_0003_0004, 0x0005_0006_0007_0008),
            ("1:2:3:4:5:6:7::", 0x0001_0002_0003_0004, 0x0005_0006_0007_0000),
            ("fe80::", 0xfe80_0000_0000_0000, 0), ("::ffff:192.0.2.1", 0, 0xffff_c000_0201),
            ("64:ff9b::192.0.2.33", 0x0064_ff9b_0000_0000, 0xc000_0221),
            ("ABCD::abcd", 0xabcd_0000_0000_0000, 0xabcd),
        ] as [(String, UInt64, UInt64)]
    )
    func `addresses are read`(text: String, high: UInt64, low: UInt64) {
        #expect(IPAddress(text) == IPAddress(high: high, low: low))
    }

    @Test(arguments: [
        "", "1.2.3", "1.2.3.4.5", "1.2.3.256", "1.2.3.04", "1.2.3.+4", " 1.2.3.4", "1.2.3.4 ",
        "a.b.c.d", "1..2.3", ":", ":::", "1:2:3:4:5:6:7", "1:2:3:4:5:6:7:8:9", "1::2::3",
        "12345::", "::g", "1:2:3:4:5:6:7:8::", "::1:2:3:4:5:6:7:8", "::1.2.3", "1.2.3.4::",
        "fe80::1%eth0", "::+1", "1:2:3:4:5:6:7:1.2.3.4", "localhost",
    ])
    func `what is no address is not read`(text: String) {
        #expect(IPAddress(text) == nil)
    }

    @Test(arguments: [
        ("10.0.0.0/8", "10.255.1.2", true), ("10.0.0.0/8", "11.0.0.0", false),
        ("192.0.2.7", "192.0.2.7", true), ("192.0.2.7", "192.0.2.6", false),
        ("0.0.0.0/0", "203.0.113.9", true), ("0.0.0.0/0", "2001:db8::1", false),
        ("::/0", "203.0.113.9", true), ("2001:db8::/32", "2001:db8:ffff::1", true),
        ("2001:db8::/32", "2001:db9::1", false), ("2001:db8::/65", "2001:db8::8000:0:0:0", false),
        ("2001:db8::/65", "2001:db8::7fff:0:0:0", true), ("::1", "::1", true),
        // A client that comes over a socket of IPv6 is the same client.
        ("10.0.0.0/8", "::ffff:10.1.2.3", true), ("::ffff:10.0.0.0/104", "10.9.9.9", true),
    ])
    func `a range holds what begins with its bits`(
        text: String,
        address: String,
        isInside: Bool
    ) throws {
        let range = try #require(AddressRange(text))
        #expect(range.contains(try #require(IPAddress(address))) == isInside)
        #expect(range.description == text)
    }

    @Test(arguments: [
        "10.0.0.1/8", "10.0.0.0/33", "10.0.0.0/-1", "10.0.0.0/08", "10.0.0.0/", "10.0.0.0/8/8",
        "/8", "2001:db8::1/32", "::/129", "everyone", "",
    ])
    func `a range that means something else than it says is refused`(text: String) {
        #expect(AddressRange(text) == nil)
    }
}
