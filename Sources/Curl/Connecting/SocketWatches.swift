import CCurl
import EventLoop

/// The sockets that curl waits for, of connections that are being made and of name lookups.
final class SocketWatches {
    private let loop: EventLoop
    private var registrations: [curl_socket_t: Registration] = [:]

    init(loop: EventLoop) {
        self.loop = loop
    }

    /// Watches a socket as curl wishes.
    ///
    /// Done at once, for the number may be another socket's before curl's call returns.
    func change(
        _ socket: curl_socket_t,
        _ wish: Int32,
        ready: @escaping (Readiness) -> Void
    ) throws(SystemError) {
        if wish == CURL_POLL_REMOVE { return forget(socket) }
        let interest = Interest(
            read: wish & CURL_POLL_IN != 0,
            write: wish & CURL_POLL_OUT != 0,
            peerClosed: false
        )
        if let registration = registrations[socket] {
            return try loop.update(registration, to: interest)
        }
        registrations[socket] = try loop.register(socket, for: interest, handler: ready)
    }

    func forgetAll() {
        for socket in Array(registrations.keys) { forget(socket) }
    }

    private func forget(_ socket: curl_socket_t) {
        guard let registration = registrations.removeValue(forKey: socket) else { return }
        loop.deregister(registration)
    }
}
