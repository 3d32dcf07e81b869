import CLinux
import Glibc

/// A connected, nonblocking TCP socket.
///
/// It belongs to the thread of the loop that watches it.
package final class Socket {
    /// What a read came to.
    package enum ReadOutcome: Equatable {
        case bytes(Int)
        case wouldBlock
        /// The peer has closed its half and everything before was read.
        case end
    }

    package let remoteAddress: SocketAddress
    private let descriptor: Int32
    private var watch: (loop: EventLoop, registration: Registration)?
    package private(set) var isClosed = false

    /// Takes over a connected, nonblocking descriptor.
    init(owning descriptor: Int32, remoteAddress: SocketAddress) {
        self.descriptor = descriptor
        self.remoteAddress = remoteAddress
    }

    deinit {
        assert(isClosed, "a socket was dropped without being closed")
    }

    // MARK: Watching

    /// Calls the handler each turn while the socket is ready, level-triggered, until `close`.
    package func watch(
        on loop: EventLoop,
        for interest: Interest,
        handler: @escaping (Readiness) -> Void
    ) throws(SystemError) {
        precondition(watch == nil, "a socket is watched once")
        watch = (loop, try loop.register(descriptor, for: interest, handler: handler))
    }

    /// Changes what is waited for; free when nothing changes.
    package func update(to interest: Interest) throws(SystemError) {
        guard let watch else { return }
        try watch.loop.update(watch.registration, to: interest)
    }

    /// Stops watching, hang-ups too, which are otherwise reported each turn.
    package func unwatch() {
        guard let watch else { return }
        watch.loop.deregister(watch.registration)
        self.watch = nil
    }

    // MARK: Bytes

    /// Reads what is there, at most the buffer's size.
    package func read(
        into buffer: UnsafeMutableRawBufferPointer
    ) throws(SystemError) -> ReadOutcome {
        let count = retryingInterrupts { recv(descriptor, buffer.baseAddress, buffer.count, 0) }
        if count > 0 { return .bytes(count) }
        if count == 0 { return .end }
        if errno == EAGAIN { return .wouldBlock }
        throw SystemError.last("recv")
    }

    /// Writes as much as the kernel takes and returns how much; 0 means that it would block.
    ///
    /// With `more`, the kernel may wait for the next write to fill a packet.
    package func write(
        _ bytes: UnsafeRawBufferPointer,
        more: Bool = false
    ) throws(SystemError) -> Int {
        let flags = Int32(MSG_NOSIGNAL) | (more ? Int32(MSG_MORE) : 0)
        let count = retryingInterrupts { send(descriptor, bytes.baseAddress, bytes.count, flags) }
        if count >= 0 { return count }
        if errno == EAGAIN { return 0 }
        throw SystemError.last("send")
    }

    // MARK: The end

    /// Tells the peer that nothing more will come; what it sends can still be read.
    package func shutdownWrites() {
        shutdown(descriptor, Int32(SHUT_WR))
    }

    /// Closes; what was written is still delivered.
    ///
    /// Harmless when closed before.
    package func close() {
        guard !isClosed else { return }
        isClosed = true
        unwatch()
        Glibc.close(descriptor)
    }

    /// Closes with a reset, so that the peer can't take the end of the stream for a proper one.
    package func reset() {
        guard !isClosed else { return }
        var linger = linger(l_onoff: 1, l_linger: 0)
        setsockopt(
            descriptor,
            SOL_SOCKET,
            SO_LINGER,
            &linger,
            socklen_t(MemoryLayout<Glibc.linger>.size)
        )
        close()
    }
}
