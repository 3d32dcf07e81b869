import EventLoop
import Synchronization

/// Serves HTTP/1.1 on one loop.
package final class HTTPServer: Service {
    package let name: String
    private let loop: EventLoop
    private let address: SocketAddress
    private let reusePort: Bool
    private let limits: HTTPLimits
    private let handler: HTTPHandler
    private let counters = HTTPCounters()
    private let core = Mutex<LoopBound<HTTPServerCore>?>(nil)
    private let bound: Mutex<SocketAddress>

    /// Makes a server that does not listen yet.
    ///
    /// With `reusePort` a server on each of several loops can listen on one address.
    package init(
        name: String = "http",
        loop: EventLoop,
        address: SocketAddress,
        reusePort: Bool = false,
        limits: HTTPLimits = HTTPLimits(),
        handler: @escaping HTTPHandler
    ) {
        self.name = name
        self.loop = loop
        self.address = address
        self.reusePort = reusePort
        self.limits = limits
        self.handler = handler
        bound = Mutex(address)
    }

    /// The address it listens on: after `start` with the port that the kernel chose.
    package var boundAddress: SocketAddress { bound.withLock { $0 } }

    /// Listens; the loop must run.
    ///
    /// Called once.
    package func start() async throws(SystemError) {
        let (running, listening) = try await loop.run { [self] () throws(SystemError) in
            let core = try HTTPServerCore(
                loop: loop,
                address: address,
                reusePort: reusePort,
                limits: limits,
                counters: counters,
                handler: handler
            )
            try core.start()
            return (LoopBound(core, loop: loop), core.boundAddress)
        }
        self.core.withLock { $0 = running }
        bound.withLock { $0 = listening }
    }

    /// Accepts nothing new, closes what is idle, lets running exchanges end, and cuts at the
    /// deadline what still runs.
    ///
    /// Handlers that go on after that must end before the loop is stopped.
    package func stop(by deadline: ContinuousClock.Instant) async {
        let taken = core.withLock { core in
            defer { core = nil }
            return core
        }
        guard let core = taken else { return }
        await loop.spawn { await core.value.drain(by: deadline) }.value
    }

    /// Counts for metrics; from any thread.
    package var statistics: HTTPStatistics {
        HTTPStatistics(
            openConnections: counters.open.load(ordering: .relaxed),
            acceptedConnections: counters.accepted.load(ordering: .relaxed),
            requests: counters.requests.load(ordering: .relaxed),
            refusedRequests: counters.refused.load(ordering: .relaxed)
        )
    }
}

/// What a server has done so far.
package struct HTTPStatistics: Equatable, Sendable {
    package let openConnections: Int
    package let acceptedConnections: Int
    /// Requests given to the handler.
    package let requests: Int
    /// Requests that the server refused itself.
    package let refusedRequests: Int
}

/// Written on the loop, read from anywhere.
final class HTTPCounters: Sendable {
    let open = Atomic(0)
    let accepted = Atomic(0)
    let requests = Atomic(0)
    let refused = Atomic(0)
}
