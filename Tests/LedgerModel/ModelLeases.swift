import Ledger
import Schema

extension ModelDatabase {
    /// `PostgresLeaseAuthority.acquire`.
    package mutating func acquire(
        _ request: AcquireRequest
    ) throws(LedgerError) -> AcquireReply {
        let head = try lockHead(request.account)
        try requireCurrent(request.identity)
        guard !isLearning else {
            throw LedgerError(.learning, "leases that it may not know have not run out")
        }
        let lease = try ownLease(request.lease, of: request.account, request.identity)
        if lease == nil { try requireNoOtherOpen(request.account, request.identity) }
        let figures = readCaps(request.capInstants, of: request.account)
        let operation = try LeaseOperation.acquire(
            request,
            head: head,
            lease: lease,
            figures: figures
        )
        try write(operation.change, of: request.account, request.lease, request.identity)
        return AcquireReply(
            granted: operation.result,
            head: operation.change?.head ?? head,
            isLeaseClosed: operation.isLeaseClosed,
            caps: grantCaps(request, operation, figures)
        )
    }

    /// `PostgresLeaseAuthority.giveBack`.
    package mutating func giveBack(
        _ request: GiveBackRequest
    ) throws(LedgerError) -> GiveBackReply {
        let head = try lockHead(request.account)
        try requireCurrent(request.identity)
        let lease = try ownLease(request.lease, of: request.account, request.identity)
        let operation = try LeaseOperation.giveBack(request, head: head, lease: lease)
        var caps = accounts[request.account]?.caps ?? ModelCaps()
        if operation.change != nil { try caps.giveBack(request) }
        try write(operation.change, of: request.account, request.lease, request.identity)
        accounts[request.account]?.caps = caps
        return GiveBackReply(
            returned: operation.result,
            head: operation.change?.head ?? head,
            isLeaseClosed: operation.isLeaseClosed
        )
    }

    /// `PostgresLeaseAuthority.closeEarlierEpochs`.
    package mutating func closeEarlierEpochs(
        _ identity: InstanceIdentity
    ) throws(LedgerError) -> Int {
        try requireCurrent(identity)
        return try closeLeases { $0.instance == identity.instance && $0.epoch < identity.epoch }
    }

    /// Closes every open lease that matches, with what they still had, and counts them.
    mutating func closeLeases(
        _ matches: (Lease) -> Bool,
        keeping: (LeaseID, Lease) -> Bool = { _, _ in false }
    ) throws(LedgerError) -> Int {
        var count = 0
        for (id, account) in accounts {
            let closing = account.leases.filter { id, lease in
                lease.row.isOpen && matches(lease) && !keeping(id, lease)
            }
            guard !closing.isEmpty else { continue }
            var (account, amount) = (account, Pico.zero)
            for (lease, closed) in closing {
                amount += closed.row.remaining
                account.leases[lease]?.row.granted = closed.row.settled
                account.leases[lease]?.row.isOpen = false
            }
            let before = account.head
            account.head.escrowed -= amount
            let uncovered = before.escrowed - amount - before.balance - before.creditLimit
            account.head.overdrawn = min(before.overdrawn, uncovered.clampedToZero)
            try account.head.requireConstraints()
            accounts[id] = account
            count += closing.count
        }
        return count
    }

    func lockHead(_ account: AccountID) throws(LedgerError) -> HeadSummary {
        guard let head = accounts[account]?.head else {
            throw LedgerError(.notFound, "no account \(account)")
        }
        return head
    }

    func ownLease(
        _ lease: LeaseID,
        of account: AccountID,
        _ identity: InstanceIdentity
    ) throws(LedgerError) -> LeaseRow? {
        guard let found = accounts[account]?.leases[lease] else { return nil }
        guard found.instance == identity.instance, found.epoch == identity.epoch else {
            throw LedgerError(.outOfSequence, "the lease \(lease) belongs to another epoch")
        }
        return found.row
    }

    private func requireNoOtherOpen(
        _ account: AccountID,
        _ identity: InstanceIdentity
    ) throws(LedgerError) {
        guard !hasOtherOpen(account, identity) else {
            throw LedgerError(.outOfSequence, "the instance has an open lease of this account")
        }
    }

    func hasOtherOpen(_ account: AccountID, _ identity: InstanceIdentity) -> Bool {
        accounts[account]?.leases.values.contains { lease in
            lease.row.isOpen && lease.instance == identity.instance
                && lease.epoch == identity.epoch
        } ?? false
    }

    mutating func write(
        _ change: LeaseOperation.Change?,
        of account: AccountID,
        _ lease: LeaseID,
        _ identity: InstanceIdentity
    ) throws(LedgerError) {
        guard let change else { return }
        try change.head.requireConstraints()
        accounts[account]?.head = change.head
        accounts[account]?.leases[lease] = Lease(
            instance: identity.instance,
            epoch: identity.epoch,
            row: change.lease
        )
    }
}

extension HeadSummary {
    /// The CHECKs of `account_heads`, by their names; nil when all hold.
    package var brokenConstraint: String? {
        if version < 0 { return "account_heads_version_check" }
        if creditLimit < .zero { return "account_heads_credit_limit_check" }
        if escrowed < .zero { return "account_heads_escrowed_check" }
        if reserved < .zero { return "account_heads_reserved_check" }
        if overdrawn < .zero { return "account_heads_overdrawn_check" }
        if balance + creditLimit + overdrawn < escrowed { return "account_heads_never_overspent" }
        return nil
    }

    func requireConstraints() throws(LedgerError) {
        if let brokenConstraint {
            throw LedgerError(.corrupt, "\(brokenConstraint): \(self)")
        }
    }
}
