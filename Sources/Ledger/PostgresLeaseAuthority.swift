import Postgres
import Schema

/// The escrow's side of PostgreSQL: every operation locks the account's head first.
///
/// Each operation is a transaction that may be repeated: its op_seq, or its nonce, makes it take
/// effect once.
package struct PostgresLeaseAuthority: LeaseAuthority {
    let database: Database
    let settings: EscrowSettings

    package init(_ database: Database, settings: EscrowSettings = EscrowSettings()) {
        self.database = database
        self.settings = settings
    }

    package func register(
        instance: InstanceID,
        label: String,
        expectedNonce: Nonce?,
        freshNonce: Nonce,
        epochKnown: Int64
    ) async throws(LedgerError) -> InstanceIdentity {
        let settings = settings
        let releaseAfter = settings.releaseAfter.components.seconds
        return try await repeatable { session in
            let present = try Incarnation.enter(session, settings)
            if expectedNonce == nil {
                // A journal that was registered before is unknown only to a database that lost it,
                // and with it events: it is of an earlier incarnation, and must rejoin.
                _ = try session.execute(
                    """
                    INSERT INTO instances
                        (instance_id, label, epoch, nonce, system_identifier, timeline,
                            release_after_seconds)
                    SELECT \(instance), \(label), \(epochKnown + 1), \(freshNonce),
                        system_identifier, timeline, \(releaseAfter)
                    FROM incarnations
                    WHERE (system_identifier = \(present.system) AND timeline = \(present.timeline))
                        = (\(epochKnown) = 0)
                    ORDER BY incarnation DESC LIMIT 1
                    ON CONFLICT DO NOTHING
                    """
                )
            }
            let rows = try session.execute(
                """
                UPDATE instances SET
                    system_identifier = coalesce(system_identifier, \(present.system)),
                    timeline = coalesce(timeline, \(present.timeline))
                WHERE instance_id = \(instance)
                RETURNING epoch, nonce, system_identifier, timeline
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
                epoch = max(epoch, epochKnown) + 1
                _ = try session.execute(
                    """
                    UPDATE instances SET epoch = \(epoch), nonce = \(freshNonce),
                        label = \(label), registered_at = clock_timestamp(),
                        renewed_at = clock_timestamp(), heard_since = clock_timestamp(),
                        stopped_at = NULL,
                        release_after_seconds = \(releaseAfter)
                    WHERE instance_id = \(instance)
                    """
                )
            }
            // One that was registered in another incarnation must first rejoin.
            return InstanceIdentity(
                instance: instance,
                epoch: epoch,
                nonce: freshNonce,
                incarnation: Incarnation(
                    system: try row.get("system_identifier"),
                    timeline: try row.get("timeline")
                )
            )
        }
    }

    package func heartbeat(
        _ request: HeartbeatRequest
    ) async throws(LedgerError) -> HeartbeatReply {
        let (identity, settings) = (request.identity, settings)
        let breakSeconds = settings.hearingBreak.components.seconds
        return try await repeatable { session in
            let rows = try session.executePrepared(
                """
                UPDATE instances SET renewed_at = clock_timestamp(),
                    heard_since = CASE
                        WHEN renewed_at < clock_timestamp() - make_interval(secs => \(breakSeconds))
                        THEN clock_timestamp() ELSE heard_since END,
                    running_calls = \(request.runningCalls), held = \(request.held)
                WHERE instance_id = \(identity.instance) AND epoch = \(identity.epoch)
                    AND nonce = \(identity.nonce) AND \(identity.incarnation.isCurrent)
                RETURNING releases
                """
            )
            guard let row = rows.first else {
                let present = try Incarnation.enter(session, settings)
                return present == identity.incarnation ? .superseded : .failedOver
            }
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

    package func closeLost(_ identity: InstanceIdentity) async throws(LedgerError) -> Int {
        try await LostLeases(database, settings: settings).closeAll(asHeard: identity)
    }

    package func acquire(
        _ request: AcquireRequest
    ) async throws(LedgerError) -> AcquireReply {
        let done = try await repeatable { session in
            let step = LeaseStep(session, request.identity, request.account, request.lease)
            let head = try step.lockHead()
            if try step.requireCurrent() == .learning {
                throw LedgerError(
                    .learning,
                    "the database was promoted or restored: nothing new is leased until all"
                        + " leases that it may not know have run out"
                )
            }
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
            _ = try step.requireCurrent()
            let lease = try step.readLease()
            let operation = try LeaseOperation.giveBack(request, head: head, lease: lease)
            try step.write(operation.change, isNew: lease == nil)
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
                try CloseOwnLeases(session, identity).closeSome()
            }
            if count == 0 { return closed }
            closed += count
        }
    }

    struct Done: Sendable {
        let operation: LeaseOperation
        let head: HeadSummary
        var grants: [CapGrant] = []
        var remainders: [CapRemainder] = []
    }

    func repeatable<Value: Sendable>(
        _ body: @escaping @Sendable (Session) throws -> Value
    ) async throws(LedgerError) -> Value {
        do {
            return try await database.repeatableTransaction(body)
        } catch {
            throw LedgerError(error)
        }
    }
}
