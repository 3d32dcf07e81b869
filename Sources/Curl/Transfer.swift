import EventLoop
import Synchronization

/// One request on its way: the machine that decides, what carries it, and who waits for it.
///
/// It belongs to the loop. Its pool holds it until it has ended.
final class Transfer {
    let target: Target
    let answersHead: Bool
    let connectTimeout: Duration
    /// Asked for each address; such a transfer has a connection of its own.
    let admits: (@Sendable (CurlAddress) -> Bool)?
    /// What is to be sent; empty once an answer has come, when it cannot be asked for again.
    private(set) var bytes: RequestBytes?
    private(set) var machine: TransferMachine
    /// Its place in its pool's list.
    var place = 0

    private let pool: ConnectionPool
    private var attempt: EasyHandle?
    private var connection: Connection?
    private var waiter: CheckedContinuation<Void, Never>?
    /// Counts what a reader may want to know of.
    private var changeCount = 0
    private var timer: LoopTimer?
    /// Whether it has ended; the one thing that is read off the loop.
    private let hasLeft = Atomic<Bool>(false)

    init(_ request: CurlRequest, to target: Target, pool: ConnectionPool) {
        self.target = target
        self.pool = pool
        answersHead = request.method == "HEAD"
        connectTimeout = request.timeouts.connect
        admits = request.admits
        bytes = RequestBytes(request, to: target, userAgent: pool.configuration.userAgent)
        machine = TransferMachine(
            policy: TransferPolicy(
                timeouts: request.timeouts,
                bufferBytesMax: request.bufferBytesMax,
                isIdempotent: request.isIdempotent,
                resendWindow: pool.configuration.resendWindow
            ),
            startedAt: pool.loop.time
        )
    }

    private var loop: EventLoop { pool.loop }

    // MARK: From the reader

    /// Suspends until there is something new; the task's cancellation cancels the transfer.
    func change() async {
        precondition(waiter == nil, "two tasks wait for one transfer")
        let seen = changeCount
        let loop = loop
        let bound = LoopBound(self, loop: loop)
        await withTaskCancellationHandler {
            await withCheckedContinuation { continuation in
                // Getting here may take a turn of the loop, and something may have come in it.
                if changeCount == seen {
                    waiter = continuation
                } else {
                    continuation.resume()
                }
            }
        } onCancel: {
            // On any thread, and perhaps before the wait began: the loop puts it in order.
            loop.execute { bound.value.cancel() }
        }
    }

    /// What is buffered, making room for more.
    func deliver() -> TransferMachine.Delivery {
        loop.preconditionCurrent()
        let wasFull = machine.room == 0
        let delivery = machine.deliver(at: loop.time)
        if wasFull {
            armTimer()
            connection?.hasRoom()
        }
        return delivery
    }

    /// Ends the transfer at once and closes its connection.
    func cancel() {
        loop.preconditionCurrent()
        abandon(.cancelled(isRetrySafe: machine.isRetrySafe))
    }

    /// Cancels from a `deinit`, which may run anywhere.
    func cancelFromAnywhere() {
        guard !hasLeft.load(ordering: .relaxed) else { return }
        if loop.isCurrent {
            cancel()
        } else {
            let bound = LoopBound(self, loop: loop)
            loop.execute { bound.value.cancel() }
        }
    }

    // MARK: From the pool

    func abandon(_ error: CurlError) {
        guard machine.phase != .ended else { return }
        machine.abandon(error)
        leave()
    }

    func waits(for attempt: EasyHandle) {
        self.attempt = attempt
        armTimer()
    }

    // MARK: From its connection

    /// A connection carries it from now on.
    func requestLeaves(on connection: Connection) {
        attempt = nil
        self.connection = connection
        machine.requestLeaves(at: loop.time)
        armTimer()
    }

    func receive(_ head: ResponseHead) {
        bytes = nil
        machine.receive(head, at: loop.time)
    }

    func receiveBody(_ bytes: UnsafeRawBufferPointer) {
        machine.receiveBody(bytes, at: loop.time)
    }

    /// What was read is taken in: the reader is told.
    func settle() {
        armTimer()
        wake()
    }

    /// The response is whole, and its connection has let go of it.
    func finish() {
        connection = nil
        machine.finish()
        leave()
    }

    /// There will be no more, and its connection has let go of it.
    func fail(_ error: CurlError) {
        connection = nil
        attempt = nil
        machine.fail(error)
        leave()
    }

    /// Its connection has died without an answer, and it waits for another.
    func losesConnection() {
        connection = nil
    }

    private func leave() {
        hasLeft.store(true, ordering: .relaxed)
        timer?.cancel()
        timer = nil
        bytes = nil
        attempt?.end()
        attempt = nil
        connection?.breakOff()
        connection = nil
        pool.remove(self)
        wake()
    }

    /// Sets the timer that is needed; one that fires too early only looks again.
    private func armTimer() {
        guard let deadline = machine.nextDeadline else { return }
        if let timer, timer.time <= deadline { return }
        timer?.cancel()
        timer = loop.schedule(at: deadline) { [self] in
            timer = nil
            guard machine.expire(at: loop.time) else { return armTimer() }
            leave()
        }
    }

    private func wake() {
        changeCount &+= 1
        guard let waiter else { return }
        self.waiter = nil
        waiter.resume()
    }
}
