/// An IPv4 or IPv6 address.
///
/// IPv4 lies where IPv6 maps it, in ::ffff:0:0/96, so that a client has one address whichever kind
/// of socket it comes through.
package struct IPAddress: Hashable, Sendable {
    /// The first and the last eight bytes.
    let high, low: UInt64

    package init(high: UInt64, low: UInt64) {
        (self.high, self.low) = (high, low)
    }

    package init(v4 bits: UInt32) {
        (high, low) = (0, 0xffff_0000_0000 | UInt64(bits))
    }

    var isV4: Bool { high == 0 && low >> 32 == 0xffff }

    /// Reads `192.0.2.1` or `2001:db8::1`; nil for anything else.
    package init?(_ text: some StringProtocol) {
        if text.contains(":") {
            guard let groups = Self.groups(text) else { return nil }
            let words = [groups[..<4], groups[4...]].map { part in
                part.reduce(UInt64(0)) { $0 << 16 | UInt64($1) }
            }
            self.init(high: words[0], low: words[1])
        } else {
            guard let bits = Self.bits(text) else { return nil }
            self.init(v4: bits)
        }
    }

    /// Four decimal numbers without leading zeros, which some take for octal.
    private static func bits(_ text: some StringProtocol) -> UInt32? {
        let parts = text.split(separator: ".", omittingEmptySubsequences: false)
        guard parts.count == 4 else { return nil }
        var bits: UInt32 = 0
        for part in parts {
            guard (1...3).contains(part.utf8.count), part.utf8.allSatisfy(isDigit),
                part.utf8.count == 1 || part.first != "0", let byte = UInt8(part)
            else { return nil }
            bits = bits << 8 | UInt32(byte)
        }
        return bits
    }

    /// Eight groups; `::` once for at least one group of zeros, and IPv4 as the last two.
    private static func groups(_ text: some StringProtocol) -> [UInt16]? {
        let text = String(text)
        guard let gap = text.firstRange(of: "::") else {
            let groups = run(text)
            return groups?.count == 8 ? groups : nil
        }
        let (head, tail) = (text[..<gap.lowerBound], text[gap.upperBound...])
        guard let before = head.isEmpty ? [] : run(head, mayEndInV4: false),
            let after = tail.isEmpty ? [] : run(tail), before.count + after.count < 8
        else { return nil }
        return before + Array(repeating: 0, count: 8 - before.count - after.count) + after
    }

    private static func run(_ text: some StringProtocol, mayEndInV4: Bool = true) -> [UInt16]? {
        let parts = text.split(separator: ":", omittingEmptySubsequences: false)
        var groups: [UInt16] = []
        for (index, part) in parts.enumerated() {
            if part.contains(".") {
                guard mayEndInV4, index == parts.count - 1, let bits = bits(part) else {
                    return nil
                }
                groups += [UInt16(bits >> 16), UInt16(truncatingIfNeeded: bits)]
                continue
            }
            guard (1...4).contains(part.utf8.count), part.allSatisfy(\.isHexDigit),
                let group = UInt16(part, radix: 16)
            else { return nil }
            groups.append(group)
        }
        return groups
    }

    private static func isDigit(_ byte: UInt8) -> Bool {
        (UInt8(ascii: "0")...UInt8(ascii: "9")).contains(byte)
    }
}

/// The addresses that begin with the same bits: `10.0.0.0/8`, `2001:db8::/32`, or one alone.
package struct AddressRange: Hashable, Sendable, CustomStringConvertible {
    private let first: IPAddress
    private let maskHigh, maskLow: UInt64
    /// As it was written.
    package let description: String

    /// Fails for what is no address, a length beyond its bits, and bits set behind the length:
    /// whoever writes `10.0.0.1/8` means something else than what it says.
    package init?(_ text: String) {
        let parts = text.split(separator: "/", maxSplits: 1, omittingEmptySubsequences: false)
        guard let address = IPAddress(parts[0]) else { return nil }
        let isV4 = !parts[0].contains(":")
        let bitCount = isV4 ? 32 : 128
        var length = bitCount
        if parts.count == 2 {
            guard let given = Int(parts[1]), (0...bitCount).contains(given),
                String(given) == parts[1]
            else { return nil }
            length = given
        }
        if isV4 { length += 96 }
        maskHigh = Self.mask(min(length, 64))
        maskLow = Self.mask(max(length - 64, 0))
        guard address.high & ~maskHigh == 0, address.low & ~maskLow == 0 else { return nil }
        first = address
        description = text
    }

    package func contains(_ address: IPAddress) -> Bool {
        address.high & maskHigh == first.high && address.low & maskLow == first.low
    }

    private static func mask(_ length: Int) -> UInt64 {
        length == 0 ? 0 : ~0 << UInt64(64 - length)
    }
}
