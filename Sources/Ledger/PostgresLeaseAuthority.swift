import Postgres
import Schema

/// The escrow's side of PostgreSQL: every operation locks the account's head first.
///
/// Each operation is a transaction that may be repeated: its op_seq, or its nonce, makes it take
/// effect once.
package struct PostgresLeaseAuthority: LeaseAuthority {
    let database: Database

    package init(_ database: Database) {
        self.database = database
    }

    package func register(
        instance: InstanceID,
        label: String,
        expectedNonce: Nonce?,
        freshNonce: Nonce
    ) async throws(LedgerError) -> InstanceIdentity {
        try await repeatable { session in
            if expectedNonce == nil {
                _ = try session.execute(
                    """
                    INSERT INTO instances (instance_id, label, epoch, nonce)
                    VALUES (\(instance), \(label), 1, \(freshNonce)) ON CONFLICT DO NOTHING
                    """
                )
            }
            let rows = try session.execute(
                """
                SELECT epoch, nonce FROM instances WHERE instance_id = \(instance) FOR UPDATE
                """
            )
            guard let row = rows.first else {
                throw LedgerError(
                    .journalCopied,
                    "the journal was registered, but this database does not know its instance"
                )
            }
            let recorded = try row.get("nonce", as: Nonce.self)
            var epoch = try row.get("epoch", as: Int64.self)
            if recorded != freshNonce {
                guard recorded == expectedNonce else {
                    throw LedgerError(
                        .journalCopied,
                        "another process has registered this instance: the journal was copied"
                    )
                }
                epoch += 1
                _ = try session.execute(
                    """
                    UPDATE instances SET epoch = \(epoch), nonce = \(freshNonce),
                        label = \(label), registered_at = clock_timestamp(),
                        renewed_at = clock_timestamp(), stopped_at = NULL
                    WHERE instance_id = \(instance)
                    """
                )
            }
            return InstanceIdentity(instance: instance, epoch: epoch, nonce: freshNonce)
        }
    }

    package func heartbeat(
        _ request: HeartbeatRequest
    ) async throws(LedgerError) -> HeartbeatReply {
        let identity = request.identity
        return try await repeatable { session in
            let rows = try session.execute(
                """
                UPDATE instances SET renewed_at = clock_timestamp(),
                    running_calls = \(request.runningCalls), held = \(request.held)
                WHERE instance_id = \(identity.instance) AND epoch = \(identity.epoch)
                    AND nonce = \(identity.nonce)
                RETURNING releases
                """
            )
            guard let row = rows.first else { return .superseded }
            let releases = try row.get("releases", as: Int64.self)
            return releases == request.releasesKnown ? .current : .released(releases)
        }
    }

    package func stopped(_ identity: InstanceIdentity) async throws(LedgerError) {
        try await repeatable { session in
            _ = try session.execute(
                """
                UPDATE instances SET stopped_at = clock_timestamp(), running_calls = 0, held = 0
                WHERE instance_id = \(identity.instance) AND epoch = \(identity.epoch)
                    AND nonce = \(identity.nonce)
                """
            )
        }
    }

    package func closeLost(silentFor silence: Duration) async throws(LedgerError) -> Int {
        try await LostLeases(database).closeAll(silentFor: silence)
    }

    package func acquire(
        _ request: AcquireRequest
    ) async throws(LedgerError) -> AcquireReply {
        let done = try await repeatable { session in
            let step = LeaseStep(session, request.identity, request.account, request.lease)
            let head = try step.lockHead()
            try step.requireCurrent()
            let lease = try step.readLease()
            if lease == nil { try step.requireNoOtherOpen() }
            let figures = try CapFigures.read(request.capInstants, of: request.account, session)
            let operation = try LeaseOperation.acquire(
                request,
                head: head,
                lease: lease,
                figures: figures
            )
            try step.write(operation.change, isNew: lease == nil)
            let grants = try step.grantCaps(request, operation, figures)
            return Done(
                operation: operation,
                head: operation.change?.head ?? head,
                grants: grants
            )
        }
        return AcquireReply(
            granted: done.operation.result,
            head: done.head,
            isLeaseClosed: done.operation.isLeaseClosed,
            caps: done.grants
        )
    }

    package func giveBack(
        _ request: GiveBackRequest
    ) async throws(LedgerError) -> GiveBackReply {
        let done = try await repeatable { session in
            let step = LeaseStep(session, request.identity, request.account, request.lease)
            let head = try step.lockHead()
            try step.requireCurrent()
            guard let lease = try step.readLease() else {
                throw LedgerError(.notFound, "no lease \(request.lease)")
            }
            let operation = try LeaseOperation.giveBack(request, head: head, lease: lease)
            try step.write(operation.change, isNew: false)
            if operation.change != nil { try step.giveBackCaps(request) }
            return Done(operation: operation, head: operation.change?.head ?? head)
        }
        return GiveBackReply(
            returned: done.operation.result,
            head: done.head,
            isLeaseClosed: done.operation.isLeaseClosed
        )
    }

    package func closeEarlierEpochs(
        _ identity: InstanceIdentity
    ) async throws(LedgerError) -> Int {
        var closed = 0
        while true {
            let count = try await repeatable { session in
                try CloseEarlierEpochs(session, identity).closeSome()
            }
            if count == 0 { return closed }
            closed += count
        }
    }

    private struct Done: Sendable {
        let operation: LeaseOperation
        let head: HeadSummary
        var grants: [CapGrant] = []
    }

    private func repeatable<Value: Sendable>(
        _ body: @escaping @Sendable (Session) throws -> Value
    ) async throws(LedgerError) -> Value {
        do {
            return try await database.repeatableTransaction(body)
        } catch {
            throw LedgerError(error)
        }
    }
}

/// The statements of one operation on one lease.
private struct LeaseStep {
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
        let rows = try session.execute(
            """
            SELECT \(HeadSummary.columns) FROM account_heads
            WHERE account_id = \(account) FOR UPDATE
            """
        )
        guard let row = rows.first else { throw LedgerError(.notFound, "no account \(account)") }
        return try HeadSummary(row)
    }

    func requireCurrent() throws { try identity.requireCurrent(session) }

    func readLease() throws -> LeaseRow? {
        let rows = try session.execute(
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
        let rows = try session.execute(
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
        _ = try session.execute(
            """
            UPDATE account_heads SET escrowed = \(head.escrowed), overdrawn = \(head.overdrawn)
            WHERE account_id = \(account)
            """
        )
        if isNew {
            _ = try session.execute(
                """
                INSERT INTO leases (account_id, lease_id, instance_id, epoch, granted, op_seq,
                    op_kind, op_result)
                VALUES (\(account), \(lease), \(identity.instance), \(identity.epoch),
                    \(row.granted), \(row.opSequence), \(row.opKind), \(row.opResult))
                """
            )
        } else {
            _ = try session.execute(
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

/// Closes what earlier processes of an instance left open, some accounts at a time.
private struct CloseEarlierEpochs {
    private static let leasesMax: Int64 = 500

    private let session: Session
    private let identity: InstanceIdentity

    init(_ session: Session, _ identity: InstanceIdentity) {
        self.session = session
        self.identity = identity
    }

    /// Closes some and returns how many; zero when none are left.
    func closeSome() throws -> Int {
        let found = try session.execute(
            """
            SELECT account_id FROM leases WHERE \(isEarlier) LIMIT \(Self.leasesMax)
            """
        )
        let accounts = Set(try found.map { try $0.get("account_id", as: AccountID.self) }).sorted()
        _ = try session.execute(
            """
            SELECT FROM account_heads WHERE account_id = ANY(\(accounts))
            ORDER BY account_id FOR UPDATE
            """
        )
        try identity.requireCurrent(session)
        // Both statements name the same leases: the locked heads keep anyone from changing them.
        _ = try session.execute(
            """
            UPDATE account_heads SET escrowed = escrowed - left_over.amount,
                overdrawn = least(overdrawn, greatest(0,
                    escrowed - left_over.amount - balance - credit_limit))
            FROM (
                SELECT account_id, sum(granted - settled) AS amount FROM leases
                WHERE account_id = ANY(\(accounts)) AND \(isEarlier) GROUP BY account_id
            ) AS left_over
            WHERE account_heads.account_id = left_over.account_id
            """
        )
        return try session.execute(
            """
            UPDATE leases SET granted = settled, state = 'closed', closed_at = clock_timestamp()
            WHERE account_id = ANY(\(accounts)) AND \(isEarlier)
            """
        ).affectedCount
    }

    private var isEarlier: SQL {
        """
        instance_id = \(identity.instance) AND epoch < \(identity.epoch) AND state = 'open'
        """
    }
}

extension InstanceIdentity {
    /// Throws unless no later process has registered, and keeps any from it until the commit.
    fileprivate func requireCurrent(_ session: Session) throws {
        let rows = try session.execute(
            """
            SELECT FROM instances WHERE instance_id = \(instance) AND epoch = \(epoch)
                AND nonce = \(nonce) FOR SHARE
            """
        )
        guard !rows.isEmpty else {
            throw LedgerError(.superseded, "a later process has registered this instance")
        }
    }
}

extension LeaseOperation.Kind: PostgresRepresentable {}
