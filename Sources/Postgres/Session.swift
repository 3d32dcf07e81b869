/// One connection's attention for the time of a closure.
///
/// Everything blocks the connection's thread. Use after the closure has returned is a
/// programming error and traps.
package final class Session {
    private let link: Link
    private let report: @Sendable (DatabaseReport) -> Void
    private var isValid = true
    private var isInTransaction = false

    init(_ link: Link, report: @escaping @Sendable (DatabaseReport) -> Void) {
        self.link = link
        self.report = report
    }

    /// Ends the session's life, at the end of its closure.
    func invalidate() {
        isValid = false
    }

    /// Runs one statement.
    package func execute(_ sql: SQL) throws(PostgresError) -> Rows {
        preconditionValid()
        return try link.execute(sql, phase: phase)
    }

    /// Runs one statement of a text that comes again and again, which is parsed and planned once
    /// for each connection: half of the cost of a short statement on a partitioned table.
    ///
    /// Its result must name its columns: `*` would change with the table under a kept plan.
    package func executePrepared(_ sql: SQL) throws(PostgresError) -> Rows {
        preconditionValid()
        return try link.executePrepared(sql, phase: phase)
    }

    /// Runs many statements in one round trip, without parameters or results: for migrations.
    package func script(_ text: String) throws(PostgresError) {
        preconditionValid()
        try link.run(text, phase: phase)
    }

    /// Runs a closure in a transaction of this session; the session must not be in one already.
    ///
    /// When the closure throws, the transaction is rolled back and its error thrown on. Otherwise
    /// throws `PostgresError` of phase `begin` or `commit`: see `Database.transaction`.
    package func transaction<Value>(
        _ isolation: Isolation = .readCommitted,
        _ body: (Session) throws -> Value
    ) throws -> Value {
        try begin(isolation)
        return try finishTransaction(body)
    }

    func begin(_ isolation: Isolation) throws(PostgresError) {
        preconditionValid()
        precondition(!isInTransaction, "a transaction inside of a transaction")
        // A statement timeout of the role would also cut COMMIT off, and leave its outcome open; and
        // what a COMMIT has acknowledged must outlive a crash, whatever the role is set to.
        try link.run(
            """
            BEGIN ISOLATION LEVEL \(isolation.rawValue);
            SELECT set_config('synchronous_commit', 'on', true)
                WHERE current_setting('synchronous_commit') IN ('off', 'local');
            SET LOCAL statement_timeout = 0
            """,
            phase: .begin
        )
        isInTransaction = true
    }

    /// Runs the body of a transaction that was begun, and commits or rolls back.
    func finishTransaction<Value>(_ body: (Session) throws -> Value) throws -> Value {
        defer { isInTransaction = false }
        let value: Value
        do {
            value = try body(self)
        } catch {
            rollBack()
            throw error
        }
        guard link.isAlive else {
            throw PostgresError(.connectionLost, phase: .body, "the connection ended")
        }
        guard link.isInTransaction else {
            throw PostgresError(.misuse, phase: .body, "the body ended its own transaction")
        }
        try link.commit()
        return value
    }

    private func rollBack() {
        // With its connection the transaction has ended too.
        guard link.isAlive else { return }
        do {
            try link.run("ROLLBACK", phase: .body)
        } catch {
            report(.rollbackFailed(error))
        }
    }

    private var phase: PostgresError.Phase { isInTransaction ? .body : .statement }

    private func preconditionValid() {
        precondition(isValid, "a session was used after its closure had returned")
    }
}

/// How far concurrent transactions are kept apart.
package enum Isolation: String, Sendable {
    /// Each statement sees what was committed before it began.
    case readCommitted = "READ COMMITTED"
    /// All statements see what was committed before the first one.
    case repeatableRead = "REPEATABLE READ"
    /// As if one transaction ran after the other; may fail as a serialization failure.
    case serializable = "SERIALIZABLE"
}
