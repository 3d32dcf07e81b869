import CLinux
import Glibc

/// A numeric IPv4 or IPv6 address with a port.
package struct SocketAddress: Hashable, Sendable {
    /// The address without the port.
    package enum Host: Hashable, Sendable {
        /// In host byte order.
        case v4(UInt32)
        /// The first and the last eight bytes, in host byte order, and the scope of a link-local.
        case v6(high: UInt64, low: UInt64, scope: UInt32)
    }

    package let host: Host
    package let port: UInt16

    package init(host: Host, port: UInt16) {
        self.host = host
        self.port = port
    }

    /// 127.0.0.1 with the given port; 0 lets the kernel choose.
    package static func loopback(port: UInt16) -> SocketAddress {
        SocketAddress(host: .v4(0x7f00_0001), port: port)
    }

    package var isLoopback: Bool {
        switch host {
        case .v4(let bits): bits >> 24 == 127
        case .v6(let high, let low, _):
            high == 0 && (low == 1 || low >> 24 == 0xffff_7f)
        }
    }
}

extension SocketAddress: CustomStringConvertible {
    /// Reads `127.0.0.1:8080` or `[::1]:8080`; nil for names and anything else.
    package init?(_ text: String) {
        guard let colon = text.lastIndex(of: ":"),
            let port = Self.port(text[text.index(after: colon)...])
        else { return nil }
        let host = text[..<colon]
        if host.first == "[", host.last == "]" {
            var address = in6_addr()
            guard inet_pton(AF_INET6, String(host.dropFirst().dropLast()), &address) == 1
            else { return nil }
            self.init(host: Host(address, scope: 0), port: port)
        } else {
            var address = in_addr()
            guard inet_pton(AF_INET, String(host), &address) == 1 else { return nil }
            self.init(host: .v4(UInt32(bigEndian: address.s_addr)), port: port)
        }
    }

    private static func port(_ digits: Substring) -> UInt16? {
        guard digits.utf8.allSatisfy({ (0x30...0x39).contains($0) }) else { return nil }
        return UInt16(digits)
    }

    /// The text that `init` reads.
    package var description: String {
        switch host {
        case .v4: "\(hostDescription):\(port)"
        case .v6: "[\(hostDescription)]:\(port)"
        }
    }

    /// The address without port and brackets.
    package var hostDescription: String {
        withUnsafeTemporaryAllocation(of: CChar.self, capacity: 64) { buffer in
            guard let start = buffer.baseAddress else { return "" }
            switch host {
            case .v4(let bits):
                var address = in_addr(s_addr: bits.bigEndian)
                inet_ntop(AF_INET, &address, start, 64)
            case .v6(let high, let low, _):
                var address = in6_addr(high: high, low: low)
                inet_ntop(AF_INET6, &address, start, 64)
            }
            return String(cString: start)
        }
    }
}

// MARK: The kernel's form

extension SocketAddress {
    /// `AF_INET` or `AF_INET6`.
    package var family: Int32 {
        switch host {
        case .v4: AF_INET
        case .v6: AF_INET6
        }
    }

    /// Nil for a family that is neither IPv4 nor IPv6.
    init?(_ storage: sockaddr_storage) {
        var storage = storage
        switch Int32(storage.ss_family) {
        case AF_INET:
            let address = withUnsafeBytes(of: &storage) { $0.load(as: sockaddr_in.self) }
            self.init(
                host: .v4(UInt32(bigEndian: address.sin_addr.s_addr)),
                port: UInt16(bigEndian: address.sin_port)
            )
        case AF_INET6:
            let address = withUnsafeBytes(of: &storage) { $0.load(as: sockaddr_in6.self) }
            self.init(
                host: Host(address.sin6_addr, scope: address.sin6_scope_id),
                port: UInt16(bigEndian: address.sin6_port)
            )
        default:
            return nil
        }
    }

    /// Calls the body with the address as the socket functions want it.
    package func withUnsafeAddress<Result>(
        _ body: (UnsafePointer<sockaddr>, socklen_t) -> Result
    ) -> Result {
        switch host {
        case .v4(let bits):
            var address = sockaddr_in()
            address.sin_family = sa_family_t(AF_INET)
            address.sin_port = port.bigEndian
            address.sin_addr.s_addr = bits.bigEndian
            return withUnsafeBytes(of: &address) { Self.call(body, $0) }
        case .v6(let high, let low, let scope):
            var address = sockaddr_in6()
            address.sin6_family = sa_family_t(AF_INET6)
            address.sin6_port = port.bigEndian
            address.sin6_addr = in6_addr(high: high, low: low)
            address.sin6_scope_id = scope
            return withUnsafeBytes(of: &address) { Self.call(body, $0) }
        }
    }

    private static func call<Result>(
        _ body: (UnsafePointer<sockaddr>, socklen_t) -> Result,
        _ bytes: UnsafeRawBufferPointer
    ) -> Result {
        let address = bytes.assumingMemoryBound(to: sockaddr.self)
        guard let start = address.baseAddress else {
            preconditionFailure("an address is not empty")
        }
        return body(start, socklen_t(bytes.count))
    }

    /// The address that `getsockname` or `getpeername` tells.
    init(
        of descriptor: Int32,
        call: String,
        _ function: (Int32, UnsafeMutablePointer<sockaddr>, UnsafeMutablePointer<socklen_t>) ->
            Int32
    ) throws(SystemError) {
        var storage = sockaddr_storage()
        var length = socklen_t(MemoryLayout<sockaddr_storage>.size)
        let result = withUnsafeMutablePointer(to: &storage) { pointer in
            pointer.withMemoryRebound(to: sockaddr.self, capacity: 1) {
                function(descriptor, $0, &length)
            }
        }
        guard result == 0 else { throw SystemError.last(call) }
        guard let address = SocketAddress(storage) else {
            throw SystemError(call: call, code: EAFNOSUPPORT)
        }
        self = address
    }
}

extension SocketAddress.Host {
    fileprivate init(_ address: in6_addr, scope: UInt32) {
        var address = address
        let (high, low) = withUnsafeBytes(of: &address) {
            ($0.load(as: UInt64.self), $0.load(fromByteOffset: 8, as: UInt64.self))
        }
        self = .v6(high: UInt64(bigEndian: high), low: UInt64(bigEndian: low), scope: scope)
    }
}

extension in6_addr {
    fileprivate init(high: UInt64, low: UInt64) {
        self.init()
        withUnsafeMutableBytes(of: &self) {
            $0.storeBytes(of: high.bigEndian, as: UInt64.self)
            $0.storeBytes(of: low.bigEndian, toByteOffset: 8, as: UInt64.self)
        }
    }
}
