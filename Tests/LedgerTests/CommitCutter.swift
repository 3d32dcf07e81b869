import Foundation
import Synchronization

/// A TCP proxy in front of the server that ends the connection at each of the first commits: by
/// turns when COMMIT arrives, and when the server has answered it.
final class CommitCutter: Sendable {
    let port: Int
    private let listener: Int32
    private let target: Int
    private let cutsLeft: Atomic<Int>

    init(target: Int, cuts: Int) throws {
        self.target = target
        cutsLeft = Atomic(cuts)
        listener = socket(AF_INET, Int32(SOCK_STREAM.rawValue), 0)
        var address = Self.loopback(port: 0)
        var length = socklen_t(MemoryLayout<sockaddr_in>.size)
        let listener = listener
        let status = Self.withSocketAddress(&address) { pointer in
            bind(listener, pointer, length) == 0 && listen(listener, 16) == 0
                ? getsockname(listener, pointer, &length) : -1
        }
        guard status == 0 else { throw POSIXError(.EADDRNOTAVAIL) }
        port = Int(UInt16(bigEndian: address.sin_port))
        Thread.detachNewThread {
            while true {
                let client = accept(listener, nil, nil)
                guard client >= 0 else { return }
                Thread.detachNewThread { self.forward(client) }
            }
        }
    }

    var isSpent: Bool { cutsLeft.load(ordering: .relaxed) <= 0 }

    func stop() {
        shutdown(listener, Int32(SHUT_RDWR))
        close(listener)
    }

    private func forward(_ client: Int32) {
        let server = socket(AF_INET, Int32(SOCK_STREAM.rawValue), 0)
        defer {
            close(client)
            close(server)
        }
        var address = Self.loopback(port: target)
        let status = Self.withSocketAddress(&address) {
            connect(server, $0, socklen_t(MemoryLayout<sockaddr_in>.size))
        }
        guard status == 0 else { return }
        var cutsAnswer = false
        var descriptors = [client, server].map { pollfd(fd: $0, events: Int16(POLLIN), revents: 0) }
        while poll(&descriptors, 2, -1) > 0 {
            if descriptors[0].revents != 0 {
                guard let bytes = Self.receive(client) else { return }
                if bytes.suffix(7) == Array("COMMIT\0".utf8)[...], !isSpent {
                    let left = cutsLeft.subtract(1, ordering: .relaxed).newValue
                    guard left % 2 == 0 else { return }
                    cutsAnswer = true
                }
                guard Self.transmit(bytes, to: server) else { return }
            }
            if descriptors[1].revents != 0 {
                guard let bytes = Self.receive(server), !cutsAnswer else { return }
                guard Self.transmit(bytes, to: client) else { return }
            }
        }
    }

    private static func loopback(port: Int) -> sockaddr_in {
        var address = sockaddr_in()
        address.sin_family = sa_family_t(AF_INET)
        address.sin_port = UInt16(port).bigEndian
        address.sin_addr.s_addr = UInt32(0x7f00_0001).bigEndian
        return address
    }

    private static func withSocketAddress(
        _ address: inout sockaddr_in,
        _ body: (UnsafeMutablePointer<sockaddr>) -> Int32
    ) -> Int32 {
        withUnsafeMutablePointer(to: &address) {
            $0.withMemoryRebound(to: sockaddr.self, capacity: 1, body)
        }
    }

    /// What has come; nil at the end.
    private static func receive(_ descriptor: Int32) -> [UInt8]? {
        var buffer = [UInt8](repeating: 0, count: 65_536)
        let count = recv(descriptor, &buffer, buffer.count, 0)
        return count > 0 ? Array(buffer.prefix(count)) : nil
    }

    private static func transmit(_ bytes: [UInt8], to descriptor: Int32) -> Bool {
        var rest = bytes[...]
        while !rest.isEmpty {
            let count = rest.withUnsafeBytes {
                send(descriptor, $0.baseAddress, $0.count, Int32(MSG_NOSIGNAL))
            }
            guard count > 0 else { return false }
            rest = rest.dropFirst(count)
        }
        return true
    }
}
