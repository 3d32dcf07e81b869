import Postgres
import Schema

/// Registering anew with a database that was promoted or restored.
extension PostgresLeaseAuthority {
    package func rejoin(
        _ request: RejoinRequest
    ) async throws(LedgerError) -> InstanceIdentity {
        let identity = try await register(request)
        while true {
            let count = try await repeatable { session in
                try CloseOwnLeases(session, identity, keeping: request.keeping).closeSome()
            }
            if count == 0 { return identity }
        }
    }

    package func reclaim(
        _ request: ReclaimRequest
    ) async throws(LedgerError) -> ReclaimReply {
        let done = try await repeatable { session in
            let step = LeaseStep(session, request.identity, request.account, request.lease)
            let head = try step.lockHead()
            _ = try step.requireCurrent()
            let lease = try step.readLease()
            let figures = try CapFigures.read(request.capInstants, of: request.account, session)
            let operation = try LeaseOperation.reclaim(request, head: head, lease: lease)
            try step.write(operation.change, isNew: lease == nil)
            return Done(
                operation: operation,
                head: operation.change?.head ?? head,
                remainders: try step.reclaimCaps(request, operation, figures)
            )
        }
        return ReclaimReply(
            remaining: done.operation.result,
            head: done.head,
            isLeaseClosed: done.operation.isLeaseClosed,
            caps: done.remainders
        )
    }

    /// Makes the identity known in the present incarnation, whatever of its registrations was
    /// lost; one of a later epoch stands.
    private func register(
        _ request: RejoinRequest
    ) async throws(LedgerError) -> InstanceIdentity {
        let (identity, settings) = (request.identity, settings)
        return try await repeatable { session in
            let incarnation = try Incarnation.enter(session, settings)
            let rows = try session.execute(
                """
                INSERT INTO instances
                    (instance_id, label, epoch, nonce, system_identifier, timeline,
                        release_after_seconds)
                VALUES (\(identity.instance), \(request.label), \(identity.epoch),
                    \(identity.nonce), \(incarnation.system), \(incarnation.timeline),
                    \(settings.releaseAfter.components.seconds))
                ON CONFLICT (instance_id) DO UPDATE
                    SET label = excluded.label, epoch = excluded.epoch, nonce = excluded.nonce,
                        system_identifier = excluded.system_identifier,
                        timeline = excluded.timeline,
                        release_after_seconds = excluded.release_after_seconds,
                        renewed_at = clock_timestamp(), heard_since = clock_timestamp(),
                        stopped_at = NULL
                    WHERE instances.epoch < excluded.epoch
                        OR instances.epoch = excluded.epoch AND instances.nonce = excluded.nonce
                """
            )
            guard rows.affectedCount == 1 else {
                throw LedgerError(.superseded, "a later process has registered this instance")
            }
            return identity.rejoined(incarnation)
        }
    }
}
