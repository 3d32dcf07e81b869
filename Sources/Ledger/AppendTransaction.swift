import Digest
import Postgres
import Schema

/// One append inside of a READ COMMITTED transaction that its caller begins and commits.
///
/// Each step is a statement of its own, so that what it sees is what was committed before the
/// heads were locked. Done in one statement, the second of two sessions with the same ids would
/// move the balance for events that it does not insert.
package struct AppendTransaction {
    private let session: Session

    package init(_ session: Session) {
        self.session = session
    }

    /// Appends a batch.
    ///
    /// With `poison`, its only event is parked for that reason.
    func run(_ batch: [HashedEvent], poison: String? = nil) throws -> [AppendOutcome] {
        guard !batch.isEmpty else { return [] }
        try session.preferIndexes()
        let accounts = Set(batch.map(\.event.account)).sorted()
        let locked = try lockHeads(accounts)
        let present = try readPresent(batch)
        let leases = try readLeases(batch, present: present)
        let repeated = try readRepeated(batch, leases: leases)
        func decide(_ alreadyParked: Set<SHA256Digest>) -> (AppendDecision, [AppendOutcome]) {
            var append = AppendDecision(
                heads: locked.heads,
                leases: leases,
                chargedFrom: locked.chargedFrom,
                present: present,
                alreadyParked: alreadyParked,
                repeated: repeated,
                now: locked.clock
            )
            let outcomes = batch.map { append.add($0, poison: poison) }
            return (append, outcomes)
        }
        var (append, outcomes) = decide([])
        if !append.parked.isEmpty {
            let already = try readParked(append.parked)
            if !already.isEmpty { (append, outcomes) = decide(already) }
        }
        try EventColumns(append.placed, currencies: locked.currencies).insert(into: session)
        try writeHeads(append)
        try writeChargedFrom(append, before: locked.chargedFrom)
        let counted = try AppendSpend(session).count(
            append.placed,
            cappedAccounts: locked.cappedAccounts
        )
        try writeLeases(append)
        try closeLeases(append)
        try writeParked(append.parked)
        try AlertOutbox(session).write(
            alerts(locked, append) + CapAlerts(session).alerts(of: counted, at: locked.clock)
        )
        return outcomes
    }

    private struct LockedHeads {
        var heads: [AccountID: HeadSummary] = [:]
        var currencies: [AccountID: Currency] = [:]
        /// Those of which a key or a project has a cap.
        var cappedAccounts: Set<AccountID> = []
        /// Below which an account's balance is low, of those that want to know.
        var lowBalances: [AccountID: Pico] = [:]
        /// From when on usage is still charged, of those whose last closed month says so.
        var chargedFrom: [AccountID: Instant] = [:]
        var clock = Instant(microseconds: 0)
    }

    /// Locks in the order of the accounts, which keeps batches from deadlocking each other.
    private func lockHeads(_ accounts: [AccountID]) throws -> LockedHeads {
        let rows = try session.executePrepared(
            """
            SELECT \(HeadSummary.columns), account_heads.has_caps, account_heads.low_balance,
                account_heads.charged_from, accounts.currency, clock_timestamp() AS clock
            FROM account_heads JOIN accounts USING (account_id)
            WHERE account_id = ANY(\(accounts))
            ORDER BY account_id
            FOR UPDATE OF account_heads
            """
        )
        var locked = LockedHeads()
        locked.heads.reserveCapacity(rows.count)
        for row in rows {
            let account = try row.get("account_id", as: AccountID.self)
            locked.heads[account] = try HeadSummary(row)
            locked.currencies[account] = try row.get("currency")
            if try row.get("has_caps") { locked.cappedAccounts.insert(account) }
            if let low = try row.get("low_balance", as: Pico?.self) {
                locked.lowBalances[account] = low
            }
            if let instant = try row.get("charged_from", as: Instant?.self) {
                locked.chargedFrom[account] = instant
            }
            locked.clock = try row.get("clock")
        }
        return locked
    }

    /// What the batch has to tell of its accounts' balances, and of what came too late.
    private func alerts(_ locked: LockedHeads, _ append: AppendDecision) -> [Alert] {
        let late = LateUsage.sums(append).map { account, late in
            late.alert(of: account, locked.currencies[account], at: locked.clock)
        }
        return late
            + append.changedHeads.flatMap { account -> [Alert] in
                guard let before = locked.heads[account], let after = append.heads[account],
                    let currency = locked.currencies[account]
                else { return [] }
                let rules = BalanceAlerts(lowBalance: locked.lowBalances[account])
                return rules.crossed(from: before, to: after).map { kind in
                    rules.alert(kind, of: account, after, currency, at: locked.clock)
                }
            }
    }

    private func readPresent(_ batch: [HashedEvent]) throws -> [EventKey: SHA256Digest] {
        // LATERAL with LIMIT keeps to the index whatever the statistics of a new partition say.
        let rows = try session.executePrepared(
            """
            SELECT batch.account_id, batch.event_id, found.content_hash
            FROM unnest(\(batch.map(\.event.account)), \(batch.map(\.event.id)))
                AS batch (account_id, event_id)
            CROSS JOIN LATERAL (
                SELECT content_hash FROM events
                WHERE events.account_id = batch.account_id AND events.event_id = batch.event_id
                LIMIT 1
            ) AS found
            """
        )
        var present: [EventKey: SHA256Digest] = [:]
        for row in rows {
            let key = EventKey(account: try row.get("account_id"), event: try row.get("event_id"))
            present[key] = try row.get("content_hash", as: SHA256Digest.self)
        }
        return present
    }

    /// Reads the leases that new events name: the lock of a head covers its leases.
    private func readLeases(
        _ batch: [HashedEvent],
        present: [EventKey: SHA256Digest]
    ) throws -> [LeaseKey: LeaseFigures] {
        var keys: Set<LeaseKey> = []
        for hashed in batch {
            let event = hashed.event
            guard let lease = event.body.lease,
                present[EventKey(account: event.account, event: event.id)] == nil
            else { continue }
            keys.insert(LeaseKey(account: event.account, lease: lease))
        }
        guard !keys.isEmpty else { return [:] }
        let ordered = Array(keys)
        let rows = try session.executePrepared(
            """
            SELECT batch.account_id, batch.lease_id, found.*
            FROM unnest(\(ordered.map(\.account)), \(ordered.map(\.lease)))
                AS batch (account_id, lease_id)
            CROSS JOIN LATERAL (
                SELECT granted, settled, state = 'open' AS is_open FROM leases
                WHERE leases.account_id = batch.account_id AND leases.lease_id = batch.lease_id
                LIMIT 1
            ) AS found
            """
        )
        var leases: [LeaseKey: LeaseFigures] = [:]
        for row in rows {
            let key = LeaseKey(account: try row.get("account_id"), lease: try row.get("lease_id"))
            leases[key] = LeaseFigures(
                granted: try row.get("granted"),
                settled: try row.get("settled"),
                isOpen: try row.get("is_open")
            )
        }
        return leases
    }

    /// The late calls of the batch, whose leases are closed, that were made again meanwhile.
    private func readRepeated(
        _ batch: [HashedEvent],
        leases: [LeaseKey: LeaseFigures]
    ) throws -> Set<RequestID> {
        let late = batch.map(\.event).filter { event in
            guard let lease = event.body.lease else { return false }
            return leases[LeaseKey(account: event.account, lease: lease)]?.isOpen != true
        }
        let calls: [(account: AccountID, request: RequestID)] = late.compactMap { event in
            guard case .usage(let usage) = event.body else { return nil }
            return (event.account, usage.request)
        }
        guard !calls.isEmpty else { return [] }
        let rows = try session.execute(
            """
            SELECT request_id FROM repeated_calls
            WHERE (account_id, request_id) IN (
                SELECT * FROM unnest(\(calls.map(\.account)), \(calls.map(\.request))))
            """
        )
        return Set(try rows.map { try $0.get("request_id", as: RequestID.self) })
    }

    private func readParked(_ parked: [ParkedEvent]) throws -> Set<SHA256Digest> {
        let rows = try session.executePrepared(
            """
            SELECT content_hash FROM parked_events
            WHERE (account_id, event_id, content_hash) IN (
                SELECT * FROM unnest(\(parked.map(\.hashed.event.account)),
                    \(parked.map(\.hashed.event.id)), \(parked.map(\.hashed.contentHash))))
            """
        )
        return Set(try rows.map { try $0.get("content_hash", as: SHA256Digest.self) })
    }

    private func writeHeads(_ append: AppendDecision) throws {
        let changed = append.changedHeads.compactMap { account in
            append.heads[account].map { (account, $0) }
        }
        guard !changed.isEmpty else { return }
        _ = try session.executePrepared(
            """
            UPDATE account_heads SET version = batch.version, balance = batch.balance,
                credit_limit = batch.credit_limit, escrowed = batch.escrowed,
                reserved = batch.reserved, overdrawn = batch.overdrawn
            FROM unnest(\(changed.map(\.0)), \(changed.map(\.1.version)),
                    \(changed.map(\.1.balance)), \(changed.map(\.1.creditLimit)),
                    \(changed.map(\.1.escrowed)), \(changed.map(\.1.reserved)),
                    \(changed.map(\.1.overdrawn)))
                AS batch (account_id, version, balance, credit_limit, escrowed, reserved, overdrawn)
            WHERE account_heads.account_id = batch.account_id
            """
        )
    }

    /// Keeps what closed months say of usage that comes behind them.
    private func writeChargedFrom(
        _ append: AppendDecision,
        before: [AccountID: Instant]
    ) throws {
        let accounts = append.closedAccounts.filter { append.chargedFrom[$0] != before[$0] }
        guard !accounts.isEmpty else { return }
        _ = try session.executePrepared(
            """
            UPDATE account_heads SET charged_from = batch.charged_from
            FROM unnest(\(Array(accounts)), \(accounts.map { append.chargedFrom[$0] }))
                AS batch (account_id, charged_from)
            WHERE account_heads.account_id = batch.account_id
            """
        )
    }

    private func writeLeases(_ append: AppendDecision) throws {
        let changed = append.changedLeases.compactMap { key in
            append.leases[key].map { (key, $0) }
        }
        guard !changed.isEmpty else { return }
        _ = try session.executePrepared(
            """
            UPDATE leases SET granted = batch.granted, settled = batch.settled
            FROM unnest(\(changed.map(\.0.account)), \(changed.map(\.0.lease)),
                    \(changed.map(\.1.granted)), \(changed.map(\.1.settled)))
                AS batch (account_id, lease_id, granted, settled)
            WHERE leases.account_id = batch.account_id AND leases.lease_id = batch.lease_id
            """
        )
    }

    private func closeLeases(_ append: AppendDecision) throws {
        guard !append.closedLeases.isEmpty else { return }
        let keys = Array(append.closedLeases)
        _ = try session.execute(
            """
            UPDATE leases SET state = 'closed', closed_at = clock_timestamp()
            FROM unnest(\(keys.map(\.account)), \(keys.map(\.lease)))
                AS batch (account_id, lease_id)
            WHERE leases.account_id = batch.account_id AND leases.lease_id = batch.lease_id
            """
        )
    }

    private func writeParked(_ parked: [ParkedEvent]) throws {
        guard !parked.isEmpty else { return }
        let payloads = parked.map { Bytea(EventEncoding.encode($0.hashed.event)) }
        _ = try session.execute(
            """
            INSERT INTO parked_events
                (account_id, event_id, content_hash, payload, reason, message, reserved)
            SELECT * FROM unnest(\(parked.map(\.hashed.event.account)),
                \(parked.map(\.hashed.event.id)), \(parked.map(\.hashed.contentHash)),
                \(payloads), \(parked.map(\.reason.rawValue)), \(parked.map(\.message)),
                \(parked.map(\.reserved)))
            ON CONFLICT DO NOTHING
            """
        )
    }
}

extension EventBody {
    /// The lease that the event takes from or ends; nil for none.
    fileprivate var lease: LeaseID? {
        switch self {
        case .usage(let usage): usage.lease
        case .leaseLost(let lost): lost.lease
        default: nil
        }
    }
}

extension HeadSummary {
    /// The columns that `init(_:)` reads, of `account_heads`.
    static let columns: SQL = """
        account_heads.account_id, account_heads.status, account_heads.version,
        account_heads.balance, account_heads.credit_limit, account_heads.escrowed,
        account_heads.reserved, account_heads.overdrawn
        """

    init(_ row: Row) throws(PostgresError) {
        self.init(
            version: try row.get("version"),
            balance: try row.get("balance"),
            creditLimit: try row.get("credit_limit"),
            escrowed: try row.get("escrowed"),
            reserved: try row.get("reserved"),
            overdrawn: try row.get("overdrawn"),
            isSuspended: try row.get("status", as: String.self) != "active"
        )
    }
}
