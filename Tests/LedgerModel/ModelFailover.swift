import Ledger
import Schema

/// What a database does that may have lost a part of its past.
extension ModelDatabase {
    /// Becomes what a standby has, in a history of its own.
    package mutating func promote(_ standby: ModelDatabase) {
        let timeline = incarnation.timeline + 1
        let clock = now
        self = standby
        now = clock
        incarnation = Incarnation(system: incarnation.system, timeline: timeline)
    }

    /// `Incarnation.enter`.
    mutating func notice() {
        guard noticed != incarnation else { return }
        forgotten = noticed
        noticed = incarnation
        grantsFrom = now.adding(seconds: releaseAfter.components.seconds)
    }

    /// `Incarnation.isLearning`.
    package var isLearning: Bool { grantsFrom.map { now < $0 } ?? false }

    /// `PostgresLeaseAuthority.rejoin`.
    package mutating func rejoin(
        _ request: RejoinRequest
    ) throws(LedgerError) -> InstanceIdentity {
        notice()
        let identity = request.identity
        if let known = instances[identity.instance] {
            let isOurs = known.epoch == identity.epoch && known.nonce == identity.nonce
            guard known.epoch < identity.epoch || isOurs else {
                throw LedgerError(.superseded, "a later process has registered")
            }
        }
        instances[identity.instance] = Instance(
            epoch: identity.epoch,
            nonce: identity.nonce,
            renewedAt: now,
            heardSince: now,
            releases: instances[identity.instance]?.releases ?? 0,
            incarnation: incarnation
        )
        _ = try closeLeases { lease in
            lease.instance == identity.instance && lease.epoch <= identity.epoch
        } keeping: { id, lease in
            lease.epoch == identity.epoch && request.keeping.contains(id)
        }
        return identity.rejoined(incarnation)
    }

    /// `PostgresLeaseAuthority.reclaim`.
    package mutating func reclaim(
        _ request: ReclaimRequest
    ) throws(LedgerError) -> ReclaimReply {
        let head = try lockHead(request.account)
        try requireCurrent(request.identity)
        let lease = try ownLease(request.lease, of: request.account, request.identity)
        let figures = readCaps(request.capInstants, of: request.account)
        let operation = try LeaseOperation.reclaim(request, head: head, lease: lease)
        // A unique index says so, where an acquire would have asked.
        if lease == nil, hasOtherOpen(request.account, request.identity) {
            throw LedgerError(.conflict, "the instance has an open lease of this account")
        }
        try write(operation.change, of: request.account, request.lease, request.identity)
        return ReclaimReply(
            remaining: operation.result,
            head: operation.change?.head ?? head,
            isLeaseClosed: operation.isLeaseClosed,
            caps: reclaimCaps(request, operation, figures)
        )
    }

    /// `LostLeases.closeAll`; the caller makes the events' ids.
    package mutating func closeLost(
        asHeard witness: InstanceIdentity,
        makeID: () -> EventID
    ) throws(LedgerError) -> [Event] {
        guard !isLearning, mayCloseLost(witness) else { return [] }
        let limit = now.adding(seconds: -releaseAfter.components.seconds)
        let silent = instances.filter { $0.value.renewedAt < limit }
        var events: [Event] = []
        for account in accounts.keys.sorted() {
            for (id, lease) in (accounts[account]?.leases ?? [:]).sorted(by: { $0.key < $1.key })
            where lease.row.isOpen && silent[lease.instance] != nil {
                let lost = LeaseLost(
                    lease: id,
                    instance: lease.instance,
                    epoch: lease.epoch,
                    bound: lease.row.remaining
                )
                events.append(
                    Event(account: account, id: makeID(), occurredAt: now, body: .leaseLost(lost))
                )
            }
        }
        _ = try append(events)
        let released = Set(
            events.compactMap { event -> InstanceID? in
                if case .leaseLost(let lost) = event.body { lost.instance } else { nil }
            }
        )
        for instance in released { instances[instance]?.releases += 1 }
        return events
    }
}
