import CLinux
import Glibc

/// A nonblocking TCP socket that accepts connections on a loop.
///
/// It belongs to the loop's thread.
package final class Listener {
    /// At most this many connections are accepted in a turn.
    private static let acceptsPerTurnMax = 64
    /// How long nothing is accepted after descriptors or memory ran out; level-triggered
    /// readiness would otherwise spin.
    private static let exhaustionPause = Duration.milliseconds(100)

    /// The address with the port that the kernel chose.
    package let boundAddress: SocketAddress
    /// How often accepting failed for want of descriptors or memory.
    package private(set) var exhaustionCount = 0

    private let descriptor: Int32
    private let loop: EventLoop
    private var registration: Registration?
    private var handler: ((Socket) -> Void)?
    private var isPaused = false
    private var isClosed = false
    private var backOff: LoopTimer?

    /// Binds and listens; connections wait in the backlog until `accept`.
    ///
    /// With `reusePort` several loops listen on the same address, each with a queue of its own.
    /// The buffers cap what the kernel holds for each accepted socket (it counts twice as much);
    /// nil lets it grow to megabytes.
    package init(
        loop: EventLoop,
        address: SocketAddress,
        reusePort: Bool,
        backlog: Int32 = 1_024,
        sendBufferBytes: Int? = nil,
        receiveBufferBytes: Int? = nil
    ) throws(SystemError) {
        let type = Int32(SOCK_STREAM.rawValue | SOCK_NONBLOCK.rawValue | SOCK_CLOEXEC.rawValue)
        descriptor = socket(address.family, type, 0)
        guard descriptor >= 0 else { throw SystemError.last("socket") }
        self.loop = loop
        do throws(SystemError) {
            // Accepted sockets inherit these.
            if let bytes = sendBufferBytes {
                try Self.set(descriptor, SOL_SOCKET, SO_SNDBUF, Int32(clamping: bytes))
            }
            if let bytes = receiveBufferBytes {
                try Self.set(descriptor, SOL_SOCKET, SO_RCVBUF, Int32(clamping: bytes))
            }
            boundAddress = try Self.listen(descriptor, address, reusePort, backlog)
        } catch {
            Glibc.close(descriptor)
            throw error
        }
    }

    deinit {
        assert(isClosed, "a listener was dropped without being closed")
    }

    private static func listen(
        _ descriptor: Int32,
        _ address: SocketAddress,
        _ reusePort: Bool,
        _ backlog: Int32
    ) throws(SystemError) -> SocketAddress {
        try set(descriptor, SOL_SOCKET, SO_REUSEADDR)
        if reusePort { try set(descriptor, SOL_SOCKET, SO_REUSEPORT) }
        // Accepted sockets inherit it.
        try set(descriptor, Int32(IPPROTO_TCP), TCP_NODELAY)
        guard address.withUnsafeAddress({ bind(descriptor, $0, $1) }) == 0 else {
            throw SystemError.last("bind")
        }
        guard Glibc.listen(descriptor, backlog) == 0 else { throw SystemError.last("listen") }
        return try SocketAddress(of: descriptor, call: "getsockname") { getsockname($0, $1, $2) }
    }

    private static func set(
        _ descriptor: Int32,
        _ level: Int32,
        _ option: Int32,
        _ value: Int32 = 1
    ) throws(SystemError) {
        var value = value
        let size = socklen_t(MemoryLayout<Int32>.size)
        guard setsockopt(descriptor, level, option, &value, size) == 0 else {
            throw SystemError.last("setsockopt")
        }
    }

    // MARK: Accepting

    /// Begins to hand accepted sockets to the handler, which owns them.
    package func accept(_ handler: @escaping (Socket) -> Void) throws(SystemError) {
        precondition(registration == nil && !isClosed, "a listener accepts once")
        self.handler = handler
        registration = try loop.register(descriptor, for: .read) { [self] _ in acceptReady() }
    }

    /// Leaves connections in the backlog until `resume`.
    package func pause() {
        isPaused = true
        updateInterest()
    }

    package func resume() {
        isPaused = false
        updateInterest()
    }

    /// Stops listening; connections in the backlog are reset by the kernel.
    package func close() {
        guard !isClosed else { return }
        isClosed = true
        backOff?.cancel()
        if let registration { loop.deregister(registration) }
        registration = nil
        handler = nil
        Glibc.close(descriptor)
    }

    private func acceptReady() {
        for _ in 0..<Self.acceptsPerTurnMax {
            // The handler may pause or close.
            guard !isClosed, !isPaused, let handler else { return }
            var storage = sockaddr_storage()
            var length = socklen_t(MemoryLayout<sockaddr_storage>.size)
            let accepted = withUnsafeMutablePointer(to: &storage) { pointer in
                pointer.withMemoryRebound(to: sockaddr.self, capacity: 1) {
                    let flags = Int32(SOCK_NONBLOCK.rawValue | SOCK_CLOEXEC.rawValue)
                    return accept4(descriptor, $0, &length, flags)
                }
            }
            guard accepted >= 0 else {
                if mustBackOff(errno) { backOffForAWhile() }
                // A connection that failed while it waited concerns nobody; the next turn
                // takes the one behind it.
                return
            }
            guard let address = SocketAddress(storage) else {
                Glibc.close(accepted)
                continue
            }
            handler(Socket(owning: accepted, remoteAddress: address))
        }
    }

    private func mustBackOff(_ code: Int32) -> Bool {
        code == EMFILE || code == ENFILE || code == ENOBUFS || code == ENOMEM
    }

    private func backOffForAWhile() {
        exhaustionCount += 1
        backOff = loop.schedule(after: Self.exhaustionPause) { [self] in
            backOff = nil
            updateInterest()
        }
        updateInterest()
    }

    private func updateInterest() {
        guard let registration else { return }
        let interest: Interest = isPaused || backOff != nil ? [] : .read
        // Changing the interest of an open, registered descriptor fails only without memory,
        // and then the old interest holds.
        try? loop.update(registration, to: interest)
    }
}
