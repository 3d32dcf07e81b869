import Synchronization

/// One connection and the thread that it blocks; connects when it is first used.
actor Connection {
    private let configuration: DatabaseConfiguration
    private let thread: ConnectionThread
    private let gate: ConnectGate
    private let permission: PreparePermission
    private var link: Link?

    nonisolated var unownedExecutor: UnownedSerialExecutor { thread.asUnownedSerialExecutor() }

    init(
        _ configuration: DatabaseConfiguration,
        gate: ConnectGate,
        permission: PreparePermission
    ) {
        self.configuration = configuration
        self.gate = gate
        self.permission = permission
        thread = ConnectionThread()
    }

    deinit {
        thread.stop()
    }

    /// Runs a closure whose statements are transactions of their own.
    func read<Value: Sendable>(_ body: @Sendable (Session) throws -> Value) throws -> Value {
        let (link, session) = try makeSession()
        defer { takeBack(link, session) }
        let value = try body(session)
        guard !link.isInTransaction else {
            throw PostgresError(.misuse, "the body left a transaction open")
        }
        return value
    }

    /// Runs a closure in one transaction.
    func transaction<Value: Sendable>(
        _ isolation: Isolation,
        _ body: @Sendable (Session) throws -> Value
    ) throws -> Value {
        let (link, session) = try beginTransaction(isolation)
        defer { takeBack(link, session) }
        return try session.finishTransaction(body)
    }

    /// Closes the connection and ends the thread; nothing may be called after it.
    func shutDown() {
        link = nil
        thread.stop()
    }

    /// Returns when the thread has ended.
    nonisolated func end() async {
        await thread.end()
    }

    /// Nothing has been done before BEGIN, so one connection that turns out dead is no failure.
    private func beginTransaction(
        _ isolation: Isolation
    ) throws(PostgresError) -> (Link, Session) {
        let (link, session) = try makeSession()
        do {
            try session.begin(isolation)
            return (link, session)
        } catch {
            takeBack(link, session)
            guard error.code == .connectionLost else { throw error }
        }
        let (secondLink, secondSession) = try makeSession()
        do {
            try secondSession.begin(isolation)
            return (secondLink, secondSession)
        } catch {
            takeBack(secondLink, secondSession)
            throw error
        }
    }

    private func makeSession() throws(PostgresError) -> (Link, Session) {
        let link = try liveLink()
        return (link, Session(link, report: configuration.report))
    }

    /// Ends the session; keeps the connection only if the next caller finds it as a fresh one.
    private func takeBack(_ link: Link, _ session: Session) {
        session.invalidate()
        if !link.isIdle { disconnect() }
    }

    private func disconnect() {
        link = nil
        configuration.report(.disconnected)
    }

    private func liveLink() throws(PostgresError) -> Link {
        if let link {
            if !link.hasEnded() { return link }
            disconnect()
        }
        try gate.enter()
        do {
            let fresh = try Link(configuration, permission: permission)
            gate.succeeded()
            configuration.report(.connected)
            link = fresh
            return fresh
        } catch {
            gate.failed(error, random: configuration.random())
            configuration.report(.connectFailed(error))
            throw error
        }
    }
}

/// The back-off that all connections of a pool share, so that a server that is away is asked by
/// one of them only, now and then.
final class ConnectGate: Sendable {
    private let state: Mutex<(backoff: Backoff, lastError: PostgresError?)>

    init(bounds: ClosedRange<Duration>) {
        state = Mutex((Backoff(bounds: bounds), nil))
    }

    /// Throws the last failure again while the pause after it lasts.
    func enter() throws(PostgresError) {
        let refusal = state.withLock { state in
            state.backoff.allowsAttempt(at: .now) ? nil : state.lastError
        }
        if let refusal { throw refusal }
    }

    func failed(_ error: PostgresError, random: UInt64) {
        state.withLock { state in
            state.backoff.failed(at: .now, random: random)
            state.lastError = error
        }
    }

    func succeeded() {
        state.withLock { state in
            state.backoff.succeeded()
            state.lastError = nil
        }
    }
}
