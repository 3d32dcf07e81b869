import Synchronization

/// A small pool of connections to one database.
///
/// Work is given as synchronous closures, which run on a connection's own thread and may block
/// it: the caller's thread never waits. A task that is cancelled while it waits for a free
/// connection throws `CancellationError`; a closure that runs already runs to its end.
package final class Database: Sendable {
    private let configuration: DatabaseConfiguration
    private let connections: [Connection]
    private let state: Mutex<State>

    private struct State {
        var queue: ConnectionQueue
        var waiting: [UInt64: CheckedContinuation<Int, any Error>] = [:]
        var nextWaiter: UInt64 = 0
        var isClosed = false
        var hasShutDown = false
        /// The first to close, until no connection is in use.
        var drained: CheckedContinuation<Void, Never>?
        /// The others that close, until the first is through.
        var closing: [CheckedContinuation<Void, Never>] = []
    }

    /// Starts the threads, but connects to nothing yet.
    package init(_ configuration: DatabaseConfiguration) {
        precondition(configuration.connectionsMax > 0, "a pool without connections")
        self.configuration = configuration
        let gate = ConnectGate(bounds: configuration.backoff)
        let permission = PreparePermission()
        connections = (0..<configuration.connectionsMax).map { _ in
            Connection(configuration, gate: gate, permission: permission)
        }
        let queue = ConnectionQueue(
            connectionCount: configuration.connectionsMax,
            waitersMax: configuration.queueLengthMax
        )
        state = Mutex(State(queue: queue))
    }

    /// Runs a closure whose statements are each a transaction of their own.
    ///
    /// Throws what the closure throws, and `PostgresError` when no connection can be had.
    package func read<Value: Sendable>(
        _ body: @escaping @Sendable (Session) throws -> Value
    ) async throws -> Value {
        let index = try await acquire()
        defer { release(index) }
        return try await connections[index].read(body)
    }

    /// Runs a closure in one transaction and commits it.
    ///
    /// When the closure throws, the transaction is rolled back and its error thrown on, as it is.
    /// Otherwise throws `PostgresError`: of phase `connect` or `begin`, when nothing was done; of
    /// phase `commit`, when the server rolled back; and with the code `commitOutcomeUnknown`, when
    /// COMMIT was sent and only the caller's own identifiers can tell whether it took place. The
    /// closure runs once; nothing is repeated here.
    package func transaction<Value: Sendable>(
        _ isolation: Isolation = .readCommitted,
        _ body: @escaping @Sendable (Session) throws -> Value
    ) async throws -> Value {
        let index = try await acquire()
        defer { release(index) }
        return try await connections[index].transaction(isolation, body)
    }

    /// Refuses new work, waits for the closures that run, closes all connections and threads.
    package func close() async {
        let isFirst = state.withLock { state in
            defer { state.isClosed = true }
            return !state.isClosed
        }
        guard isFirst else { return await waitUntilClosed() }
        let refused = state.withLock { state in
            defer { state.waiting = [:] }
            return state.waiting.filter { state.queue.giveUp($0.key) }.map(\.value)
        }
        for waiter in refused { waiter.resume(throwing: Self.closedError) }
        await waitUntilAtRest()
        for connection in connections {
            await connection.shutDown()
            await connection.end()
        }
        let others = state.withLock { state in
            state.hasShutDown = true
            defer { state.closing = [] }
            return state.closing
        }
        for other in others { other.resume() }
    }

    private static let closedError = PostgresError(
        .closed,
        phase: .connect,
        "the database is closed"
    )

    private func waitUntilClosed() async {
        await withCheckedContinuation { continuation in
            let isOver = state.withLock { state in
                if !state.hasShutDown { state.closing.append(continuation) }
                return state.hasShutDown
            }
            if isOver { continuation.resume() }
        }
    }

    private func waitUntilAtRest() async {
        await withCheckedContinuation { continuation in
            let isOver = state.withLock { state in
                if !state.queue.isAtRest { state.drained = continuation }
                return state.queue.isAtRest
            }
            if isOver { continuation.resume() }
        }
    }

    private func acquire() async throws -> Int {
        let free = state.withLock { $0.isClosed ? nil : $0.queue.take() }
        if let free { return free }
        return try await waitForConnection()
    }

    private func waitForConnection() async throws -> Int {
        let waiter = state.withLock { state in
            state.nextWaiter += 1
            return state.nextWaiter
        }
        let timeout = configuration.queueTimeout
        // Owned by this wait, which cancels it.
        let timer = Task {
            try await Task.sleep(for: timeout)
            self.giveUp(
                waiter,
                PostgresError(.queueTimedOut, phase: .connect, "no connection in \(timeout)")
            )
        }
        defer { timer.cancel() }
        return try await withTaskCancellationHandler {
            try await withCheckedThrowingContinuation { continuation in
                if let result = enter(waiter, continuation) { continuation.resume(with: result) }
                // The handler ran in vain if the task was cancelled before there was a waiter.
                if Task.isCancelled { giveUp(waiter, CancellationError()) }
            }
        } onCancel: {
            giveUp(waiter, CancellationError())
        }
    }

    /// Joins the queue; returns the outcome if there is one at once.
    private func enter(
        _ waiter: UInt64,
        _ continuation: CheckedContinuation<Int, any Error>
    ) -> Result<Int, any Error>? {
        state.withLock { state in
            if state.isClosed { return .failure(Self.closedError) }
            if let free = state.queue.take() { return .success(free) }
            guard state.queue.wait(waiter) else {
                return .failure(
                    PostgresError(.queueFull, phase: .connect, "too many wait for a connection")
                )
            }
            state.waiting[waiter] = continuation
            return nil
        }
    }

    private func giveUp(_ waiter: UInt64, _ error: any Error) {
        let continuation = state.withLock { state in
            state.queue.giveUp(waiter) ? state.waiting.removeValue(forKey: waiter) : nil
        }
        continuation?.resume(throwing: error)
    }

    private func release(_ index: Int) {
        let (served, drained) = state.withLock { state in
            let waiter = state.queue.putBack(index)
            let drained = state.queue.isAtRest ? state.drained : nil
            if drained != nil { state.drained = nil }
            return (waiter.flatMap { state.waiting.removeValue(forKey: $0) }, drained)
        }
        served?.resume(returning: index)
        drained?.resume()
    }
}
