import Postgres

extension Database {
    /// Runs a transaction and gives its failures the ledger's words.
    func ledgerTransaction<Value: Sendable>(
        _ body: @escaping @Sendable (Session) throws -> Value
    ) async throws(LedgerError) -> Value {
        do {
            return try await transaction(.readCommitted, body)
        } catch {
            throw LedgerError(error)
        }
    }

    /// Runs statements that only read, and gives their failures the ledger's words.
    package func ledgerRead<Value: Sendable>(
        _ body: @escaping @Sendable (Session) throws -> Value
    ) async throws(LedgerError) -> Value {
        do {
            return try await read(body)
        } catch {
            throw LedgerError(error)
        }
    }

    /// Runs a transaction that may be repeated with the same identifiers, and repeats it, within
    /// bounds, while its outcome is unknown or it met others in a deadlock.
    ///
    /// "Already there" is what the repeat then finds, and its own commit makes that durable.
    func repeatableTransaction<Value: Sendable>(
        as isolation: Isolation = .readCommitted,
        _ body: @escaping @Sendable (Session) throws -> Value
    ) async throws -> Value {
        var pause = Duration.milliseconds(20)
        for _ in 1..<repetitionsMax {
            do {
                return try await transaction(isolation, body)
            } catch let error as PostgresError where error.isWorthRepeating {
                try await Task.sleep(for: pause)
                pause *= 2
            }
        }
        return try await transaction(isolation, body)
    }

    /// Reads as of one instant, and gives its failures the ledger's words.
    package func ledgerSnapshot<Value: Sendable>(
        _ body: @escaping @Sendable (Session) throws -> Value
    ) async throws(LedgerError) -> Value {
        do {
            return try await repeatableTransaction(as: .repeatableRead, body)
        } catch {
            throw LedgerError(error)
        }
    }
}

private let repetitionsMax = 6

extension Session {
    /// Has every statement of the transaction given up after so long.
    ///
    /// For statements that only read: no limit belongs around a commit of money.
    func limitStatements(to limit: Duration) throws(PostgresError) {
        let milliseconds = limit / .milliseconds(1)
        try script("SET LOCAL statement_timeout = \(Int64(milliseconds))")
    }

    /// Has every row of the transaction found by its key.
    ///
    /// Left to its estimates, the planner now and then scans a whole table to hash it, which a
    /// batch pays for with half of its time.
    func preferIndexes() throws(PostgresError) {
        try script(
            """
            SET LOCAL enable_hashjoin = off; SET LOCAL enable_mergejoin = off;
            SET LOCAL enable_seqscan = off; SET LOCAL enable_bitmapscan = off;
            SET LOCAL plan_cache_mode = force_generic_plan
            """
        )
    }

    /// Has prepared statements of the transaction planned once for each connection.
    ///
    /// For a few rows PostgreSQL would rather plan anew for what it is given, which over the
    /// partitions of `events` takes longer than the statement itself.
    package func keepPlans() throws(PostgresError) {
        try script("SET LOCAL plan_cache_mode = force_generic_plan")
    }
}

extension PostgresError {
    fileprivate var isWorthRepeating: Bool {
        code == .commitOutcomeUnknown || sqlState == .deadlockDetected
            || sqlState == .serializationFailure || isLostPreparation
    }
}

extension LedgerError {
    /// Takes over the ledger's own errors and translates those of the database.
    package init(wrapping error: any Error) { self.init(error) }

    init(_ error: any Error) {
        switch error {
        case let error as LedgerError: self = error
        case let error as PostgresError: self.init(error)
        case is CancellationError: self.init(.unavailable, "cancelled before anything was done")
        default: self.init(.corrupt, "\(error)")
        }
    }

    private init(_ error: PostgresError) {
        let code: Code =
            switch error.code {
            case .commitOutcomeUnknown: .outcomeUnknown
            case .connectFailed, .connectionLost, .queueTimedOut, .queueFull, .closed: .unavailable
            case .server(let state) where state == .uniqueViolation: .conflict
            case .server where error.fault == .caller: .refused
            case .server where error.fault == .database: .unavailable
            case .server, .decoding, .malformedURL, .misuse: .corrupt
            }
        self.init(code, Self.words(code, error.sqlState), cause: "\(error)")
    }

    /// What a caller is told of a failure of the database, whose own words name tables and figures.
    private static func words(_ code: Code, _ state: SQLState?) -> String {
        switch code {
        case .outcomeUnknown: return "the database did not confirm: the same again is safe"
        case .unavailable: return "the database cannot be reached, or is too busy"
        case .conflict: return "something is there already that can be there only once"
        case .refused: break
        default: return "the database holds something unexpected, or refused a statement"
        }
        switch state {
        case .foreignKeyViolation: return "it names something that is not there, or is still in use"
        case .notNullViolation: return "something is missing"
        case let state? where state.conditionClass == "22":
            return "a value is too large, too long, or none of its kind"
        default: return "a rule of the ledger forbids it"
        }
    }
}
