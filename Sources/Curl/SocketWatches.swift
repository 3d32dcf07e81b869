import CCurl
import EventLoop
import Glibc

/// curl's sockets as the loop watches them.
///
/// A connection that curl wants no more for now stays watched, because most are wanted again by
/// the next call: so a call costs no `epoll_ctl`. curl says when it closes one, once it is
/// established. Of one that is still being made it does not say (7.88's `cf_socket_close`), nor of
/// its other sockets, those of name lookups: they are let go at once, for their number may be
/// another socket's next.
final class SocketWatches {
    private final class Watch {
        let isConnection: Bool
        var isWanted = false
        /// What curl waits for until a connection is established.
        var awaitsWriting = false
        var registration: Registration?

        init(isConnection: Bool) {
            self.isConnection = isConnection
        }
    }

    private let loop: EventLoop
    /// The kernel's receive buffer of a connection; nil for the kernel's own choice.
    private let receiveBufferBytes: Int?
    private var watches: [curl_socket_t: Watch] = [:]

    init(loop: EventLoop, receiveBufferBytes: Int?) {
        self.loop = loop
        self.receiveBufferBytes = receiveBufferBytes
    }

    /// Watches a socket as curl wishes.
    ///
    /// Done at once, for the number may be another socket's before curl's call returns.
    func change(
        _ socket: curl_socket_t,
        _ wish: Int32,
        ready: @escaping (Readiness) -> Void
    ) throws(SystemError) {
        if wish == CURL_POLL_REMOVE { return unwant(socket) }
        let interest = Interest(
            read: wish & CURL_POLL_IN != 0,
            write: wish & CURL_POLL_OUT != 0,
            peerClosed: false
        )
        let watch = watches[socket] ?? Watch(isConnection: false)
        watch.isWanted = true
        watch.awaitsWriting = interest.contains(.write)
        if let registration = watch.registration {
            return try loop.update(registration, to: interest)
        }
        watch.registration = try loop.register(socket, for: interest) { [self] readiness in
            // An idle connection that was closed or spoken to: curl sees when it wants it again.
            if watch.isWanted { ready(readiness) } else { letGo(watch) }
        }
        watches[socket] = watch
    }

    private func unwant(_ socket: curl_socket_t) {
        guard let watch = watches[socket] else { return }
        watch.isWanted = false
        if !watch.isConnection || watch.awaitsWriting { forget(socket) }
    }

    func forgetAll() {
        for socket in Array(watches.keys) { forget(socket) }
    }

    private func forget(_ socket: curl_socket_t) {
        if let watch = watches.removeValue(forKey: socket) { letGo(watch) }
    }

    private func letGo(_ watch: Watch) {
        if let registration = watch.registration { loop.deregister(registration) }
        watch.registration = nil
    }

    // MARK: From curl's callbacks

    func opened(_ socket: curl_socket_t) {
        forget(socket)
        watches[socket] = Watch(isConnection: true)
        guard let receiveBufferBytes else { return }
        var size = Int32(clamping: receiveBufferBytes)
        // A kernel that refuses has its reasons, and its own bound.
        _ = setsockopt(socket, SOL_SOCKET, SO_RCVBUF, &size, socklen_t(MemoryLayout<Int32>.size))
    }

    fileprivate func closes(_ socket: curl_socket_t) { forget(socket) }
}

// MARK: Callbacks. The multi handle keeps the watches until curl has closed the last socket.

private func borrow(_ context: UnsafeMutableRawPointer?) -> SocketWatches? {
    context.map { Unmanaged<SocketWatches>.fromOpaque($0).takeUnretainedValue() }
}

/// curl's `CURLOPT_SOCKOPTFUNCTION`: a connection's socket was made.
func socketOpened(
    _ context: UnsafeMutableRawPointer?,
    _ socket: curl_socket_t,
    _ purpose: curlsocktype
) -> Int32 {
    borrow(context)?.opened(socket)
    return CURL_SOCKOPT_OK
}

/// curl's `CURLOPT_CLOSESOCKETFUNCTION`: closes a connection's socket.
func socketCloses(_ context: UnsafeMutableRawPointer?, _ socket: curl_socket_t) -> Int32 {
    borrow(context)?.closes(socket)
    return close(socket)
}
