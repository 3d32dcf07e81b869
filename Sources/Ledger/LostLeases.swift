import Postgres
import Schema

/// Closes leases that their instance can no longer answer for, each by an event of its account.
///
/// Whoever comes first closes a lease, once: it is decided under the lock of the account's head.
/// The instance is read under a lock too, so a heartbeat either comes before and saves its leases,
/// or comes after and is told.
package struct LostLeases: Sendable {
    /// Accounts of one transaction.
    private static let accountsMax: Int64 = 100

    let database: Database

    package init(_ database: Database) {
        self.database = database
    }

    /// Closes the leases of every instance that was silent for longer, by its own settings, than
    /// any call of it can run; returns how many.
    ///
    /// Not to be called while the silence may be the database's own: see `EscrowTenure.hasHeard`.
    package func closeAll() async throws(LedgerError) -> Int {
        try await close(Scope(instance: nil, silence: nil))
    }

    /// Closes the leases of one instance, if it was silent for so long; returns how many.
    package func close(
        of instance: InstanceID,
        silentFor silence: Duration
    ) async throws(LedgerError) -> Int {
        try await close(Scope(instance: instance, silence: silence))
    }

    private func close(_ scope: Scope) async throws(LedgerError) -> Int {
        var closed = 0
        while true {
            let accounts = try await accounts(scope)
            if accounts.isEmpty { return closed }
            let count = try await closeSome(of: accounts, scope)
            // A heartbeat came between: nothing of these is lost.
            if count == 0 { return closed }
            closed += count
        }
    }

    /// Which leases: those of one instance or of all, after so much silence.
    private struct Scope: Sendable {
        let instance: InstanceID?
        /// Nil for what each instance's own settings say.
        let silence: Duration?

        /// A condition on `leases` and `instances`.
        var condition: SQL {
            let seconds: SQL =
                silence.map { "\($0.components.seconds)" } ?? "instances.release_after_seconds"
            let silent: SQL = """
                leases.state = 'open' AND instances.instance_id = leases.instance_id
                AND instances.renewed_at < clock_timestamp() - make_interval(secs => \(seconds))
                """
            if let instance { return "\(silent) AND leases.instance_id = \(instance)" }
            // A database that lost a part of its past may not know of the last heartbeats.
            return "\(silent) AND NOT coalesce(\(Incarnation.isLearning), false)"
        }
    }

    private func accounts(_ scope: Scope) async throws(LedgerError) -> [AccountID] {
        try await database.ledgerRead { session in
            try session.execute(
                """
                SELECT DISTINCT leases.account_id FROM leases, instances
                WHERE \(scope.condition) LIMIT \(Self.accountsMax)
                """
            ).map { try $0.get("account_id", as: AccountID.self) }
        }
    }

    private func closeSome(
        of accounts: [AccountID],
        _ scope: Scope
    ) async throws(LedgerError) -> Int {
        do {
            return try await database.repeatableTransaction { session in
                _ = try session.execute(
                    """
                    SELECT FROM account_heads WHERE account_id = ANY(\(accounts))
                    ORDER BY account_id FOR UPDATE
                    """
                )
                let found = try session.execute(
                    """
                    SELECT leases.account_id, leases.lease_id, leases.instance_id, leases.epoch,
                        leases.granted - leases.settled AS bound, clock_timestamp() AS clock
                    FROM leases, instances
                    WHERE leases.account_id = ANY(\(accounts)) AND \(scope.condition)
                    ORDER BY leases.account_id, leases.lease_id FOR SHARE OF instances
                    """
                )
                let events = try found.map { HashedEvent(try Event(lost: $0)) }
                _ = try AppendTransaction(session).run(events)
                try noteReleases(found, session)
                return events.count
            }
        } catch {
            throw LedgerError(error)
        }
    }

    /// What the instance is told with its next heartbeat, should it live after all.
    private func noteReleases(_ found: Rows, _ session: Session) throws {
        let instances = Set(try found.map { try $0.get("instance_id", as: InstanceID.self) })
        _ = try session.execute(
            """
            UPDATE instances SET releases = releases + 1
            WHERE instance_id = ANY(\(instances.sorted()))
            """
        )
    }
}

extension Event {
    /// Of a row of an open lease.
    fileprivate init(lost row: Row) throws {
        let clock = try row.get("clock", as: Instant.self)
        let lost = LeaseLost(
            lease: try row.get("lease_id"),
            instance: try row.get("instance_id"),
            epoch: try row.get("epoch"),
            bound: try row.get("bound")
        )
        self.init(
            account: try row.get("account_id"),
            id: .make(at: clock),
            occurredAt: clock,
            body: .leaseLost(lost)
        )
    }
}
