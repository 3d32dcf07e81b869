import Schema

/// How a lease is registered anew with a database that may have lost a part of its past.
extension LeaseBook {
    /// Whether the lease is registered in another incarnation than the present one.
    package func isForgotten(_ tenure: EscrowTenure) -> Bool {
        lease.map { $0.incarnation != tenure.identity.incarnation } ?? false
    }

    /// Asks for what the lease must have left there, instead of whatever was asked before: its
    /// charges that were confirmed are in the stream again, and those that were not will take from
    /// it.
    ///
    /// An operation without an answer may have been done or not. Either way the database ends up
    /// with what this book counts, and a copy of it that comes late is out of sequence.
    mutating func reclaim(tenure: EscrowTenure, into actions: inout [LeaseAction]) {
        guard let lease else { return }
        let request = ReclaimRequest(
            identity: tenure.identity,
            account: account,
            lease: lease.id,
            opSequence: operation == nil ? lease.sequenceBeyondDoubt : lease.nextSequence + 1,
            remaining: (lease.granted - lease.shipped).clampedToZero,
            caps: caps.remainders(unshipped: lease.unshipped)
        )
        begin(.reclaim(request), tenure: tenure, into: &actions)
    }

    /// Takes the answer to a reclaim; one that comes late or twice changes nothing.
    package mutating func completed(
        _ request: ReclaimRequest,
        _ result: Result<ReclaimReply, LedgerError>,
        now: Moment,
        tenure: EscrowTenure
    ) -> [LeaseAction] {
        guard let operation, case .reclaim(let asked) = operation.kind, asked == request else {
            return []
        }
        switch result {
        case .success(let reply):
            self.operation = nil
            note(reply.head, now: now)
            lease?.answered(request.opSequence)
            lease?.incarnation = request.identity.incarnation
            lease?.lapses = operation.lapses
            // Less than it was when others have been given it meanwhile.
            lease?.granted += reply.remaining - request.remaining
            caps.reclaimed(reply.caps, asked: request.caps)
            if reply.isLeaseClosed { retireLease() }
        case .failure(let error):
            failed(operation, with: error, now: now)
        }
        return advance(now: now, tenure: tenure)
    }
}
