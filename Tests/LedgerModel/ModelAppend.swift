import Digest
import Ledger
import Schema

extension ModelDatabase {
    /// `EventStore.append`, for a batch that fits one transaction.
    package mutating func append(_ events: [Event]) throws(LedgerError) -> [AppendOutcome] {
        try append(events.map { HashedEvent($0) })
    }

    /// `AppendTransaction.run`.
    package mutating func append(
        _ batch: [HashedEvent],
        knowing present: [EventKey: SHA256Digest]? = nil
    ) throws(LedgerError) -> [AppendOutcome] {
        var heads: [AccountID: HeadSummary] = [:]
        for hashed in batch {
            guard let head = accounts[hashed.event.account]?.head else { continue }
            heads[hashed.event.account] = head
        }
        let present = present ?? readPresent(batch)
        let leases = readLeases(batch, present: present)
        let chargedFrom = accounts.compactMapValues(\.chargedFrom)
        let now = now
        func decide(_ alreadyParked: Set<SHA256Digest>) -> (AppendDecision, [AppendOutcome]) {
            var append = AppendDecision(
                heads: heads,
                leases: leases,
                chargedFrom: chargedFrom,
                present: present,
                alreadyParked: alreadyParked,
                now: now
            )
            let outcomes = batch.map { append.add($0) }
            return (append, outcomes)
        }
        var (append, outcomes) = decide([])
        if !append.parked.isEmpty {
            let already = readParked(append.parked)
            if !already.isEmpty { (append, outcomes) = decide(already) }
        }
        try commit(append)
        return outcomes
    }

    /// What the streams have of a batch's ids.
    package func readPresent(_ batch: [HashedEvent]) -> [EventKey: SHA256Digest] {
        var present: [EventKey: SHA256Digest] = [:]
        for event in batch.lazy.map(\.event) {
            guard let content = accounts[event.account]?.contents[event.id] else { continue }
            present[EventKey(account: event.account, event: event.id)] = content
        }
        return present
    }

    private func readLeases(
        _ batch: [HashedEvent],
        present: [EventKey: SHA256Digest]
    ) -> [LeaseKey: LeaseFigures] {
        var leases: [LeaseKey: LeaseFigures] = [:]
        for event in batch.lazy.map(\.event) {
            guard let lease = event.body.lease,
                present[EventKey(account: event.account, event: event.id)] == nil,
                let row = accounts[event.account]?.leases[lease]?.row
            else { continue }
            leases[LeaseKey(account: event.account, lease: lease)] = LeaseFigures(
                granted: row.granted,
                settled: row.settled,
                isOpen: row.isOpen
            )
        }
        return leases
    }

    /// An unknown account has no row here, but its parked events have.
    private func readParked(_ parked: [ParkedEvent]) -> Set<SHA256Digest> {
        let known = Set(
            parked.flatMap { event in
                (accounts[event.hashed.event.account]?.parked ?? strays).map(\.hashed.contentHash)
            }
        )
        return Set(parked.map(\.hashed.contentHash)).intersection(known)
    }

    private mutating func commit(_ append: AppendDecision) throws(LedgerError) {
        for account in append.changedHeads {
            try append.heads[account]?.requireConstraints()
        }
        for account in append.changedHeads {
            if let head = append.heads[account] { accounts[account]?.head = head }
        }
        for key in append.changedLeases {
            guard let figures = append.leases[key] else { continue }
            accounts[key.account]?.leases[key.lease]?.row.granted = figures.granted
            accounts[key.account]?.leases[key.lease]?.row.settled = figures.settled
        }
        for key in append.closedLeases {
            accounts[key.account]?.leases[key.lease]?.row.isOpen = false
        }
        for account in append.closedAccounts {
            accounts[account]?.chargedFrom = append.chargedFrom[account]
        }
        for placed in append.placed {
            let event = placed.hashed.event
            accounts[event.account]?.contents[event.id] = placed.hashed.contentHash
            accounts[event.account]?.caps.count(event, placed.effect)
            accounts[event.account]?.stream.append(
                RecordedEvent(
                    version: placed.version,
                    recordedAt: now,
                    amount: placed.effect.amount,
                    excess: placed.effect.excess,
                    event: event
                )
            )
        }
        for parked in append.parked { park(parked) }
    }

    private mutating func park(_ parked: ParkedEvent) {
        let event = parked.hashed.event
        let isKnown = { (other: ParkedEvent) in
            other.hashed.event.id == event.id
                && other.hashed.contentHash
                    == parked.hashed.contentHash
        }
        guard accounts[event.account] != nil else {
            if !strays.contains(where: isKnown) { strays.append(parked) }
            return
        }
        if accounts[event.account]?.parked.contains(where: isKnown) == false {
            accounts[event.account]?.parked.append(parked)
        }
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
