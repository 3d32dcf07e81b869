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
    private let settings: EscrowSettings

    package init(_ database: Database, settings: EscrowSettings = EscrowSettings()) {
        self.database = database
        self.settings = settings
    }

    /// Closes the leases of every instance that was silent for longer, by its own settings, than
    /// any call of it can run; returns how many.
    ///
    /// None while the silence may be the database's own: not until it has heard the instance that
    /// asks for `hearingMin` without a break, and so had the time to hear all others that live.
    package func closeAll(asHeard witness: InstanceIdentity) async throws(LedgerError) -> Int {
        try await close(.silentBySettings(witness, settings))
    }

    /// Closes the leases of one instance, if it was silent for so long; returns how many.
    package func close(
        of instance: InstanceID,
        silentFor silence: Duration
    ) async throws(LedgerError) -> Int {
        try await close(.of(instance, silentFor: silence))
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

    /// Which leases.
    private enum Scope: Sendable {
        /// All of those that were silent for what their own settings say, while another is heard.
        case silentBySettings(InstanceIdentity, EscrowSettings)
        case of(InstanceID, silentFor: Duration)

        /// A condition on `leases` and `instances`, which holds until the commit because it is a
        /// part of the statement that locks them.
        var condition: SQL {
            switch self {
            case .silentBySettings(let witness, let settings):
                // A database that lost a part of its past may not know of the last heartbeats.
                """
                \(silence("instances.release_after_seconds"))
                AND NOT coalesce(\(Incarnation.isLearning), false)
                AND \(witness.isHeard(settings))
                """
            case .of(let instance, let duration):
                """
                \(silence("\(duration.components.seconds)"))
                AND leases.instance_id = \(instance)
                """
            }
        }

        private func silence(_ seconds: SQL) -> SQL {
            """
            leases.state = 'open' AND instances.instance_id = leases.instance_id
            AND instances.renewed_at < clock_timestamp() - make_interval(secs => \(seconds))
            """
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

extension InstanceIdentity {
    /// A condition: the database has heard this start for long enough, up to this moment.
    ///
    /// By the server's clock alone, so that one that is set forward is a break too.
    fileprivate func isHeard(_ settings: EscrowSettings) -> SQL {
        """
        EXISTS (SELECT FROM instances AS witness
            WHERE witness.instance_id = \(instance) AND witness.epoch = \(epoch)
                AND witness.nonce = \(nonce)
                AND witness.renewed_at >= clock_timestamp()
                    - make_interval(secs => \(settings.hearingBreak.components.seconds))
                AND witness.heard_since <= clock_timestamp()
                    - make_interval(secs => \(settings.hearingMin.components.seconds)))
        """
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
