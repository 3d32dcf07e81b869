import Postgres
import Schema

/// The statements of one operation on one lease.
struct LeaseStep {
    private let session: Session
    private let identity: InstanceIdentity
    private let account: AccountID
    private let lease: LeaseID

    init(
        _ session: Session,
        _ identity: InstanceIdentity,
        _ account: AccountID,
        _ lease: LeaseID
    ) {
        self.session = session
        self.identity = identity
        self.account = account
        self.lease = lease
    }

    func lockHead() throws -> HeadSummary {
        let rows = try session.executePrepared(
            """
            SELECT \(HeadSummary.columns) FROM account_heads
            WHERE account_id = \(account) FOR UPDATE
            """
        )
        guard let row = rows.first else { throw LedgerError(.notFound, "no account \(account)") }
        return try HeadSummary(row)
    }

    /// - Throws: `.superseded`, `.failedOver`.
    func requireCurrent() throws -> DatabaseStanding { try identity.requireCurrent(session) }

    func readLease() throws -> LeaseRow? {
        let rows = try session.executePrepared(
            """
            SELECT instance_id = \(identity.instance) AND epoch = \(identity.epoch) AS is_own,
                granted, settled, state = 'open' AS is_open, op_seq, op_kind, op_result
            FROM leases WHERE account_id = \(account) AND lease_id = \(lease)
            """
        )
        guard let row = rows.first else { return nil }
        guard try row.get("is_own", as: Bool.self) else {
            throw LedgerError(.outOfSequence, "the lease \(lease) belongs to another epoch")
        }
        return LeaseRow(
            granted: try row.get("granted"),
            settled: try row.get("settled"),
            isOpen: try row.get("is_open"),
            opSequence: try row.get("op_seq"),
            opKind: try row.get("op_kind"),
            opResult: try row.get("op_result")
        )
    }

    func requireNoOtherOpen() throws {
        let rows = try session.executePrepared(
            """
            SELECT FROM leases WHERE account_id = \(account) AND state = 'open'
                AND instance_id = \(identity.instance) AND epoch = \(identity.epoch)
            """
        )
        guard rows.isEmpty else {
            throw LedgerError(.outOfSequence, "the instance has an open lease of this account")
        }
    }

    /// Sets aside what the operation decided, or finds out what it decided the first time.
    func grantCaps(
        _ request: AcquireRequest,
        _ operation: LeaseOperation,
        _ figures: [CapInstant: CapFigures]
    ) throws -> [CapGrant] {
        guard !figures.isEmpty else { return [] }
        let days = Dictionary(figures.values.map { ($0.day, $0) }) { first, _ in first }.values
        let leases = CapLeases(session, account, lease, opSequence: request.opSequence)
        guard let granted = operation.change?.caps else {
            let recorded = try leases.recorded(days)
            return days.map { CapGrant(granted: recorded[$0.day] ?? .zero, figures: $0) }
        }
        try leases.grant(granted, figures: days)
        return days.map { cap in
            let amount = granted[cap.day] ?? .zero
            return CapGrant(granted: amount, figures: cap.adding(amount))
        }
    }

    /// Restores what the operation reclaims of caps, or finds out what it restored the first time.
    func reclaimCaps(
        _ request: ReclaimRequest,
        _ operation: LeaseOperation,
        _ figures: [CapInstant: CapFigures]
    ) throws -> [CapRemainder] {
        let leases = CapLeases(session, account, lease, opSequence: request.opSequence)
        if operation.change == nil {
            let recorded = try leases.recorded(figures.values)
            return request.caps.map {
                CapRemainder(day: $0.day, amount: recorded[$0.day] ?? .zero)
            }
        }
        let known = try leases.remainders()
        if request.caps.isEmpty, known.isEmpty { return [] }
        let decided = CapReclaim(request.caps, known: known, figures: figures)
        try leases.reclaim(decided, figures: figures.values)
        return decided.remainders
    }

    func giveBackCaps(_ request: GiveBackRequest) throws {
        let leases = CapLeases(session, account, lease, opSequence: request.opSequence)
        if request.closes {
            try leases.close()
        } else {
            try leases.giveBack(request.caps)
        }
    }

    func write(_ change: LeaseOperation.Change?, isNew: Bool) throws {
        guard let change else { return }
        let (head, row) = (change.head, change.lease)
        _ = try session.executePrepared(
            """
            UPDATE account_heads SET escrowed = \(head.escrowed), overdrawn = \(head.overdrawn)
            WHERE account_id = \(account)
            """
        )
        if isNew {
            _ = try session.executePrepared(
                """
                INSERT INTO leases (account_id, lease_id, instance_id, epoch, granted, op_seq,
                    op_kind, op_result, state, closed_at)
                VALUES (\(account), \(lease), \(identity.instance), \(identity.epoch),
                    \(row.granted), \(row.opSequence), \(row.opKind), \(row.opResult),
                    \(row.isOpen ? "open" : "closed"),
                    CASE WHEN \(row.isOpen) THEN NULL ELSE clock_timestamp() END)
                """
            )
        } else {
            _ = try session.executePrepared(
                """
                UPDATE leases SET granted = \(row.granted), op_seq = \(row.opSequence),
                    op_kind = \(row.opKind), op_result = \(row.opResult),
                    state = \(row.isOpen ? "open" : "closed"),
                    closed_at = CASE WHEN \(row.isOpen) THEN NULL ELSE clock_timestamp() END
                WHERE account_id = \(account) AND lease_id = \(lease)
                """
            )
        }
    }
}

/// What a database that knows an instance may do for it.
enum DatabaseStanding {
    case granting
    /// It was promoted or restored a moment ago, and leases nothing new.
    case learning
}

extension InstanceIdentity {
    /// Throws unless this is the database that the instance is registered in, and no later process
    /// has registered; keeps any from it until the commit.
    func requireCurrent(_ session: Session) throws -> DatabaseStanding {
        let row = try session.executePrepared(
            """
            SELECT \(incarnation.isCurrent) AS is_same, found.is_known IS NOT NULL AS is_known,
                \(Incarnation.isLearning) AS is_learning
            FROM (SELECT) AS one LEFT JOIN LATERAL (
                SELECT true AS is_known FROM instances
                WHERE instance_id = \(instance) AND epoch = \(epoch) AND nonce = \(nonce) FOR SHARE
            ) AS found ON true
            """
        ).single()
        guard try row.get("is_same", as: Bool.self) else {
            throw LedgerError(
                .failedOver,
                "the database was promoted or restored since this instance registered"
            )
        }
        guard try row.get("is_known", as: Bool.self) else {
            throw LedgerError(.superseded, "a later process has registered this instance")
        }
        return try row.get("is_learning", as: Bool?.self) == true ? .learning : .granting
    }
}

extension LeaseOperation.Kind: PostgresRepresentable {}
