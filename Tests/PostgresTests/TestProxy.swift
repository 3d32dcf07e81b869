import Glibc
import Synchronization
import TestSupport

@testable import Postgres

/// A real TCP proxy in front of the server, which cuts connections at a chosen message.
final class TestProxy: Sendable {
    enum Cut: Sendable {
        /// When COMMIT arrives: the server never gets it.
        case beforeCommit
        /// When the server has answered COMMIT: the client never gets the answer.
        case afterCommit
    }

    let port: Int
    private let listener: Int32
    private let target: UInt16
    private let cut: Cut
    /// How many connections have been cut.
    let cutCount = Atomic(0)

    init(port: String, cut: Cut) throws {
        guard let target = UInt16(port) else { throw SocketFailure(call: "port") }
        self.target = target
        self.cut = cut
        (self.port, listener) = try listeningPort()
        DetachedThread.start { [listener] in
            while true {
                let client = accept(listener, nil, nil)
                guard client >= 0 else { return }
                DetachedThread.start { self.forward(client) }
            }
        }
    }

    func stop() {
        shutdown(listener, Int32(SHUT_RDWR))
        close(listener)
    }

    private func forward(_ client: Int32) {
        let server = connectToLoopback(target)
        defer {
            close(client)
            close(server)
        }
        guard server >= 0 else { return }
        let message = Array("COMMIT\0".utf8)
        var isCommitSent = false
        var descriptors = [client, server].map { pollfd(fd: $0, events: Int16(POLLIN), revents: 0) }
        while poll(&descriptors, 2, -1) > 0 {
            if descriptors[0].revents != 0 {
                guard let bytes = receive(client), !bytes.isEmpty else { return }
                // Tests send small messages, one at a time, so COMMIT comes in one piece.
                if bytes.count == message.count + 5, bytes.suffix(message.count) == message[...] {
                    if cut == .beforeCommit {
                        cutCount.add(1, ordering: .relaxed)
                        return
                    }
                    isCommitSent = true
                }
                guard transmit(bytes, to: server) else { return }
            }
            if descriptors[1].revents != 0 {
                guard let bytes = receive(server), !bytes.isEmpty else { return }
                if isCommitSent {
                    cutCount.add(1, ordering: .relaxed)
                    return
                }
                guard transmit(bytes, to: client) else { return }
            }
        }
    }
}

struct SocketFailure: Error {
    let call: String
}

/// A port of the loopback that listens, and its descriptor.
func listeningPort() throws -> (port: Int, descriptor: Int32) {
    let (port, descriptor) = try closedPort()
    guard listen(descriptor, 16) == 0 else { throw SocketFailure(call: "listen") }
    return (port, descriptor)
}

/// A port of the loopback that refuses connections for as long as its descriptor is open.
func closedPort() throws -> (port: Int, descriptor: Int32) {
    let descriptor = socket(AF_INET, Int32(SOCK_STREAM.rawValue), 0)
    guard descriptor >= 0 else { throw SocketFailure(call: "socket") }
    var address = loopback(port: 0)
    var length = socklen_t(MemoryLayout<sockaddr_in>.size)
    let code = withUnsafeMutablePointer(to: &address) { pointer in
        pointer.withMemoryRebound(to: sockaddr.self, capacity: 1) { pointer in
            bind(descriptor, pointer, length) == 0 ? getsockname(descriptor, pointer, &length) : -1
        }
    }
    guard code == 0 else { throw SocketFailure(call: "bind") }
    return (Int(UInt16(bigEndian: address.sin_port)), descriptor)
}

private func connectToLoopback(_ port: UInt16) -> Int32 {
    let descriptor = socket(AF_INET, Int32(SOCK_STREAM.rawValue), 0)
    var address = loopback(port: port)
    let code = withUnsafePointer(to: &address) { pointer in
        pointer.withMemoryRebound(to: sockaddr.self, capacity: 1) { pointer in
            connect(descriptor, pointer, socklen_t(MemoryLayout<sockaddr_in>.size))
        }
    }
    guard code == 0 else {
        close(descriptor)
        return -1
    }
    return descriptor
}

private func loopback(port: UInt16) -> sockaddr_in {
    var address = sockaddr_in()
    address.sin_family = sa_family_t(AF_INET)
    address.sin_port = port.bigEndian
    address.sin_addr.s_addr = UInt32(0x7f00_0001).bigEndian
    return address
}

private func receive(_ descriptor: Int32) -> [UInt8]? {
    var buffer = [UInt8](repeating: 0, count: 65_536)
    let count = recv(descriptor, &buffer, buffer.count, 0)
    return count < 0 ? nil : Array(buffer.prefix(count))
}

private func transmit(_ bytes: [UInt8], to descriptor: Int32) -> Bool {
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

/// Waits, blocking, until a condition holds; false when it does not within a generous time.
func pollUntil(_ condition: () throws -> Bool) rethrows -> Bool {
    let deadline = ContinuousClock.now.advanced(by: .seconds(30))
    while try !condition() {
        guard ContinuousClock.now < deadline else { return false }
        sleepBriefly()
    }
    return true
}

func closeDescriptor(_ descriptor: Int32) {
    close(descriptor)
}
