import Glibc
import Synchronization

/// Listens to channels on a connection of its own.
///
/// A notification is a hint and may be lost: while there is no connection, and when the reader is
/// slow. Each such loss is followed by `gap`, upon which a reader reads everything again. The
/// connection must be direct, because LISTEN belongs to a session.
package final class NotificationListener: Sendable {
    package enum Element: Hashable, Sendable {
        /// From here on nothing is missed; whatever was notified before may have been.
        ///
        /// The first element, and again after each reconnect or overflow.
        case gap
        case notification(channel: String, payload: String)
    }

    /// What was heard; has one reader, and ends after `close()`.
    package let elements: AsyncStream<Element>

    private let worker: ListenerWorker

    /// Starts to connect at once.
    package init(_ configuration: DatabaseConfiguration, channels: [String]) {
        let (stream, continuation) = AsyncStream.makeStream(
            of: Element.self,
            bufferingPolicy: .bufferingOldest(elementsMax)
        )
        elements = stream
        worker = ListenerWorker(configuration, channels: channels, continuation: continuation)
        worker.start()
    }

    deinit {
        worker.stop()
    }

    /// Ends the stream and closes the connection.
    ///
    /// Takes as long as an attempt to connect that is under way, and else no time.
    package func close() async {
        worker.stop()
        await worker.end()
    }
}

/// How many elements may wait for the reader before one is dropped and a gap told.
private let elementsMax = 1_024

/// The thread of a listener.
///
/// `@unchecked Sendable`: `wakeDescriptors` never change after the initialiser and live as long as
/// this object; `isBehind` and `backoff` are used by the listener's own thread only.
private final class ListenerWorker: @unchecked Sendable {
    private let configuration: DatabaseConfiguration
    private let channels: [String]
    private let continuation: AsyncStream<NotificationListener.Element>.Continuation
    private let state = Mutex<State>(State())
    /// A pipe: one byte written to it interrupts whatever the thread waits for.
    private let wakeDescriptors: (read: Int32, write: Int32)
    private var backoff: Backoff
    /// An element was dropped, and the reader has not been told yet.
    private var isBehind = false

    private struct State {
        var isStopped = false
        var hasEnded = false
        var waiting: [CheckedContinuation<Void, Never>] = []
    }

    init(
        _ configuration: DatabaseConfiguration,
        channels: [String],
        continuation: AsyncStream<NotificationListener.Element>.Continuation
    ) {
        self.configuration = configuration
        self.channels = channels
        self.continuation = continuation
        backoff = Backoff(bounds: configuration.backoff)
        var descriptors: [Int32] = [0, 0]
        let code = pipe(&descriptors)
        precondition(code == 0, "no pipe for a listener: error \(errno)")
        for descriptor in descriptors { _ = fcntl(descriptor, F_SETFD, FD_CLOEXEC) }
        wakeDescriptors = (descriptors[0], descriptors[1])
    }

    deinit {
        Glibc.close(wakeDescriptors.read)
        Glibc.close(wakeDescriptors.write)
    }

    func start() {
        DetachedThread.start { self.run() }
    }

    func stop() {
        let isFirst = state.withLock { state in
            defer { state.isStopped = true }
            return !state.isStopped
        }
        guard isFirst else { return }
        _ = write(wakeDescriptors.write, [0 as UInt8], 1)
    }

    func end() async {
        await withCheckedContinuation { waiter in
            let isOver = state.withLock { state in
                if !state.hasEnded { state.waiting.append(waiter) }
                return state.hasEnded
            }
            if isOver { waiter.resume() }
        }
    }

    private var isStopped: Bool { state.withLock { $0.isStopped } }

    private func run() {
        while !isStopped {
            do {
                let link = try connect()
                configuration.report(.connected)
                backoff.succeeded()
                yieldGap()
                listen(link)
                if !isStopped { configuration.report(.disconnected) }
            } catch {
                configuration.report(.connectFailed(error))
                pause(backoff.failed(at: .now, random: configuration.random()))
            }
        }
        continuation.finish()
        let waiting = state.withLock { state in
            state.hasEnded = true
            defer { state.waiting = [] }
            return state.waiting
        }
        for waiter in waiting { waiter.resume() }
    }

    private func connect() throws(PostgresError) -> Link {
        let link = try Link(configuration, permission: PreparePermission())
        for channel in channels {
            _ = try link.execute("LISTEN \(identifier: channel)", phase: .connect)
        }
        return link
    }

    /// Yields what arrives until the connection ends or the listener is stopped.
    private func listen(_ link: Link) {
        while !isStopped {
            while let notification = link.nextNotification() {
                yield(.notification(channel: notification.channel, payload: notification.payload))
            }
            if isBehind { yieldGap() }
            wait(socket: link.socket, milliseconds: isBehind ? overflowRetryMilliseconds : -1)
            guard link.consumeInput() else { return }
        }
    }

    private func yield(_ element: NotificationListener.Element) {
        // Once behind, only a gap helps: it stands for all that was dropped.
        guard !isBehind else { return }
        if case .dropped = continuation.yield(element) { isBehind = true }
    }

    private func yieldGap() {
        isBehind = false
        yield(.gap)
    }

    private func pause(_ pause: Duration) {
        let milliseconds =
            pause.components.seconds * 1_000
            + pause.components.attoseconds / 1_000_000_000_000_000
        wait(socket: -1, milliseconds: Int32(clamping: milliseconds + 1))
    }

    /// Waits for the socket, for `stop()`, or until the time is over; `poll` skips a socket of -1.
    private func wait(socket: Int32, milliseconds: Int32) {
        var descriptors = [
            pollfd(fd: socket, events: Int16(POLLIN), revents: 0),
            pollfd(fd: wakeDescriptors.read, events: Int16(POLLIN), revents: 0),
        ]
        _ = poll(&descriptors, 2, milliseconds)
    }
}

private let overflowRetryMilliseconds: Int32 = 50
