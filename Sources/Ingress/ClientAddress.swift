import EventLoop
import HTTPServer
import Schema

/// Where a request comes from, behind proxies that are trusted to say so.
enum ClientAddress {
    /// The client's address; nil where a trusted proxy passes on what is none.
    static func of(_ request: HTTPRequest, trusting proxies: [AddressRange]) -> IPAddress? {
        let peer = IPAddress(request.remoteAddress.host)
        guard proxies.contains(where: { $0.contains(peer) }) else { return peer }
        return find(
            peer: peer,
            forwarded: request.fields.all(named: "x-forwarded-for"),
            trusting: proxies
        )
    }

    /// Walks from the peer towards the client for as long as who speaks is trusted.
    ///
    /// Each proxy appends whom it heard, so the last entries are true and the first are whatever
    /// the client wrote.
    static func find(
        peer: IPAddress,
        forwarded: [String],
        trusting proxies: [AddressRange]
    ) -> IPAddress? {
        let entries = forwarded.flatMap { $0.split(separator: ",") }
        var address = peer
        for entry in entries.reversed() {
            guard proxies.contains(where: { $0.contains(address) }) else { return address }
            guard let next = IPAddress(forwarded: entry) else { return nil }
            address = next
        }
        return address
    }
}

extension IPAddress {
    fileprivate init(_ host: SocketAddress.Host) {
        switch host {
        case .v4(let bits): self.init(v4: bits)
        case .v6(let high, let low, _): self.init(high: high, low: low)
        }
    }

    /// An entry of `X-Forwarded-For`, to which some proxies add a port.
    fileprivate init?(forwarded entry: Substring) {
        let text = entry.drop { $0 == " " || $0 == "\t" }
        let trimmed = text.prefix { $0 != " " && $0 != "\t" }
        if trimmed.first == "[" {
            self.init(trimmed.dropFirst().prefix { $0 != "]" })
        } else if trimmed.contains("."), trimmed.filter({ $0 == ":" }).count == 1 {
            self.init(trimmed.prefix { $0 != ":" })
        } else {
            self.init(trimmed)
        }
    }
}
