import EventLoop
import Synchronization

/// What a server's connections share.
///
/// It belongs to the loop.
final class HTTPServerCore {
    let loop: EventLoop
    let limits: HTTPLimits
    let readBuffer: UnsafeMutableRawBufferPointer
    private(set) var isDraining = false

    private let handler: HTTPHandler
    private let counters: HTTPCounters
    private let listener: Listener
    private var connections: [HTTPConnection] = []
    private var runningHandlerCount = 0
    private var date = DateField()
    private var isAtCapacity = false
    /// Memory for output, warm from the last responses.
    private var storages: [[UInt8]] = []
    private var drainWaiters: [CheckedContinuation<Void, Never>] = []

    /// Reads of one turn go through this buffer; what must stay is copied out.
    private static let readBufferBytes = 64 * 1_024
    private static let storageCountMax = 64
    private static let storageBytesMax = 16 * 1_024

    init(
        loop: EventLoop,
        address: SocketAddress,
        reusePort: Bool,
        limits: HTTPLimits,
        counters: HTTPCounters,
        handler: @escaping HTTPHandler
    ) throws(SystemError) {
        self.loop = loop
        self.limits = limits
        self.counters = counters
        self.handler = handler
        listener = try Listener(
            loop: loop,
            address: address,
            reusePort: reusePort,
            sendBufferBytes: limits.socketSendBufferBytes,
            receiveBufferBytes: limits.socketReceiveBufferBytes
        )
        readBuffer = .allocate(byteCount: Self.readBufferBytes, alignment: 16)
    }

    deinit {
        readBuffer.deallocate()
    }

    var boundAddress: SocketAddress { listener.boundAddress }

    var dateLine: [UInt8] { date.line(at: loop.time) }

    // MARK: Connections

    func start() throws(SystemError) {
        do throws(SystemError) {
            try listener.accept { [self] in accepted($0) }
        } catch {
            listener.close()
            throw error
        }
    }

    private func accepted(_ socket: Socket) {
        let connection = HTTPConnection(socket: socket, server: self)
        do throws(SystemError) {
            try connection.start()
        } catch {
            socket.close()
            return
        }
        connection.index = connections.count
        connections.append(connection)
        counters.accepted.wrappingAdd(1, ordering: .relaxed)
        counters.open.store(connections.count, ordering: .relaxed)
        if connections.count >= limits.connectionsMax { makeRoom() }
    }

    /// Closes some idle connections, or else lets new ones wait.
    private func makeRoom() {
        // A few at once, so that the search is worth its cost.
        let wanted = max(1, limits.connectionsMax / 16)
        for connection in connections.filter(\.isIdle).prefix(wanted) { connection.closeIfIdle() }
        guard connections.count >= limits.connectionsMax else { return }
        isAtCapacity = true
        listener.pause()
    }

    func remove(_ connection: HTTPConnection) {
        let last = connections.removeLast()
        if last !== connection {
            connections[connection.index] = last
            last.index = connection.index
        }
        counters.open.store(connections.count, ordering: .relaxed)
        if isAtCapacity {
            isAtCapacity = false
            listener.resume()
        }
        resumeDrainIfDone()
    }

    func countRefusal() {
        counters.refused.wrappingAdd(1, ordering: .relaxed)
    }

    // MARK: Handlers

    /// Starts the handler of an exchange as a task on the loop.
    func run(_ exchange: HTTPExchange, for request: HTTPRequest) {
        counters.requests.wrappingAdd(1, ordering: .relaxed)
        runningHandlerCount += 1
        let (handler, bound) = (handler, LoopBound((self, exchange), loop: loop))
        exchange.task = loop.spawn {
            let (core, exchange) = bound.value
            await handler(request, exchange)
            exchange.handlerReturned()
            core.handlerEnded()
        }
    }

    private func handlerEnded() {
        runningHandlerCount -= 1
        resumeDrainIfDone()
    }

    // MARK: Memory

    func takeStorage() -> [UInt8]? { storages.popLast() }

    func giveBack(_ storage: consuming [UInt8]) {
        guard storages.count < Self.storageCountMax, storage.capacity <= Self.storageBytesMax
        else { return }
        storages.append(storage)
    }

    // MARK: The end

    /// Stops accepting, closes what is idle, and waits until all else has ended, at the latest
    /// until the deadline, when it is cut.
    func drain(by deadline: ContinuousClock.Instant) async {
        isDraining = true
        listener.close()
        for connection in connections { connection.closeIfIdle() }
        let alarm = loop.schedule(at: deadline) { [self] in
            for connection in connections { connection.cut() }
            // Handlers get one more turn, to take note.
            loop.schedule(after: .milliseconds(50)) { [self] in resumeDrain() }
        }
        defer { alarm.cancel() }
        guard !isDrained else { return }
        await withCheckedContinuation { drainWaiters.append($0) }
    }

    private var isDrained: Bool { connections.isEmpty && runningHandlerCount == 0 }

    private func resumeDrainIfDone() {
        if isDraining && isDrained { resumeDrain() }
    }

    private func resumeDrain() {
        for waiter in drainWaiters { waiter.resume() }
        drainWaiters = []
    }
}
