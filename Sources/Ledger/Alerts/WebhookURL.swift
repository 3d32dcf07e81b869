import Schema

/// The address of an endpoint, as far as it can be judged without looking its name up.
///
/// What a name stands for is judged at every connection, by `WebhookAddresses`.
package struct WebhookURL: Hashable, Sendable, CustomStringConvertible {
    private static let bytesMax = 2_000

    package let description: String
    /// Without port and without the brackets of an IPv6 address.
    package let host: String

    /// - Parameter isPrivate: whether it may be at a private address, and without TLS.
    /// - Throws: `.invalid`, in words that quote nothing of it.
    package init(_ text: String, isPrivate: Bool) throws(LedgerError) {
        func refused(_ why: String) -> LedgerError { LedgerError(.invalid, "the URL \(why)") }
        let isPlain = text.hasPrefix("http://")
        guard isPlain || text.hasPrefix("https://") else {
            throw refused("begins with neither https:// nor http://")
        }
        guard !isPlain || isPrivate else {
            throw refused("must begin with https://, unless it is private")
        }
        guard text.utf8.count <= Self.bytesMax,
            text.utf8.allSatisfy({ (0x21...0x7e).contains($0) }),
            !text.contains("#"), !text.contains("\\")
        else { throw refused("is too long, has a fragment or must be percent-encoded") }
        let authority = text.dropFirst(isPlain ? 7 : 8).prefix { $0 != "/" && $0 != "?" }
        guard !authority.contains("@") else { throw refused("has credentials") }
        guard let host = Self.host(authority) else { throw refused("has no proper host") }
        if let address = IPAddress(host) {
            guard WebhookAddresses.admit(address, isPrivate: isPrivate) else {
                throw refused("is at an address that is not public")
            }
        } else if !isPrivate, !host.contains(".") || host.hasSuffix(".localhost") {
            throw refused("is at a name that is not public")
        }
        self.host = host
        description = text
    }

    private static func host(_ authority: Substring) -> String? {
        var rest = authority
        var host: Substring
        if rest.first == "[" {
            guard let end = rest.firstIndex(of: "]") else { return nil }
            host = rest[rest.index(after: rest.startIndex)..<end]
            guard host.contains(":"), IPAddress(host) != nil else { return nil }
            rest = rest[rest.index(after: end)...]
        } else {
            host = rest.prefix { $0 != ":" }
            rest = rest.dropFirst(host.count)
            let isName = host.utf8.allSatisfy { byte in
                (0x30...0x39).contains(byte) || (0x61...0x7a).contains(byte | 0x20)
                    || byte == UInt8(ascii: "-") || byte == UInt8(ascii: ".")
            }
            // What ends in a number is an address to a resolver, in more notations than one.
            let last = host.split(separator: ".").last ?? ""
            guard isName, !last.isEmpty, last.first?.isNumber == false || IPAddress(host) != nil
            else { return nil }
        }
        if !rest.isEmpty {
            guard rest.first == ":", let port = UInt16(rest.dropFirst()), port > 0 else {
                return nil
            }
        }
        return host.lowercased()
    }
}

/// Which addresses webhooks are sent to: none inside of the operator's networks, unless an operator
/// said so for the endpoint, and the machine's neighbourhood (with clouds' metadata) never.
package enum WebhookAddresses {
    private static func ranges(_ texts: String...) -> [AddressRange] {
        texts.compactMap { AddressRange($0) }
    }

    /// Loopback and private networks.
    private static let inside = ranges(
        "127.0.0.0/8",
        "10.0.0.0/8",
        "172.16.0.0/12",
        "192.168.0.0/16",
        "100.64.0.0/10",
        "::1/128",
        "fc00::/7"
    )
    /// Of no machine elsewhere: this network, link-local, special use, multicast, reserved; and
    /// IPv6 that has another address within (NAT64, 6to4, Teredo, IPv4-compatible).
    private static let never = ranges(
        "0.0.0.0/8",
        "169.254.0.0/16",
        "192.0.0.0/24",
        "192.0.2.0/24",
        "192.88.99.0/24",
        "198.18.0.0/15",
        "198.51.100.0/24",
        "203.0.113.0/24",
        "224.0.0.0/4",
        "240.0.0.0/4",
        "::/96",
        "64:ff9b::/96",
        "64:ff9b:1::/48",
        "100::/64",
        "2001::/32",
        "2001:db8::/32",
        "2002::/16",
        "fe80::/10",
        "fec0::/10",
        "ff00::/8"
    )

    package static func admit(_ address: IPAddress, isPrivate: Bool) -> Bool {
        if inside.contains(where: { $0.contains(address) }) { return isPrivate }
        return !never.contains { $0.contains(address) }
    }
}
