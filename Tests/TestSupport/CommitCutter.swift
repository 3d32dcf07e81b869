import Foundation
import Synchronization

/// A TCP proxy in front of the server that ends a connection where the test says: whatever a client
/// does not survive, it leaves as it would have when its process died there.
package final class CommitCutter: Sendable {
    package let port: Int
    private let listener: Int32
    private let target: Int
    private let plan: Mutex<Plan>

    private enum Plan {
        case nothing
        /// At each of the next commits: by turns when COMMIT arrives, and when it was answered.
        case commits(left: Int)
        /// At the client's so many-th message, before or after the server has it, and for good.
        case message(left: Int, isAnswered: Bool)
        /// Nobody gets through any more.
        case dead
    }

    private enum Verdict {
        case pass
        case cut
        /// The message gets through, its answer does not.
        case cutAnswer
    }

    /// Cuts at the first commits.
    package convenience init(target: Int, cuts: Int) throws {
        try self.init(target: target)
        plan.withLock { $0 = .commits(left: cuts) }
    }

    /// Cuts nothing yet.
    package init(target: Int) throws {
        self.target = target
        plan = Mutex(.nothing)
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

    /// Cuts at the client's so many-th message from now on, and lets nobody through after that.
    ///
    /// - Parameter isAnswered: whether the server gets the message, and only its answer is lost.
    package func cut(atMessage number: Int, isAnswered: Bool) {
        plan.withLock { $0 = .message(left: number, isAnswered: isAnswered) }
    }

    /// Whether it has cut all that it was to cut.
    package var isSpent: Bool {
        plan.withLock { plan in
            switch plan {
            case .nothing, .dead: true
            case .commits(let left): left <= 0
            case .message: false
            }
        }
    }

    package func stop() {
        shutdown(listener, Int32(SHUT_RDWR))
        close(listener)
    }

    private func verdict(on message: [UInt8]) -> Verdict {
        plan.withLock { plan in
            switch plan {
            case .nothing: return .pass
            case .dead: return .cut
            case .commits(let left):
                let isCommit = message.suffix(7) == Array("COMMIT\0".utf8)[...]
                guard isCommit, left > 0 else { return .pass }
                plan = .commits(left: left - 1)
                return (left - 1) % 2 == 0 ? .cutAnswer : .cut
            case .message(let left, let isAnswered):
                guard left <= 1 else {
                    plan = .message(left: left - 1, isAnswered: isAnswered)
                    return .pass
                }
                plan = .dead
                return isAnswered ? .cutAnswer : .cut
            }
        }
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
                switch verdict(on: bytes) {
                case .pass: break
                case .cut: return
                case .cutAnswer: cutsAnswer = true
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
