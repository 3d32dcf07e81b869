import Ledger
import Schema

/// The database's side of one account's leases, as a value: what PostgreSQL is to do, without it.
struct EscrowModelAuthority: Sendable {
    struct Lease: Sendable {
        let instance: InstanceID
        var granted = Pico.zero
        var settled = Pico.zero
        var isOpen = true
        var opSequence: Int64 = 0
        var result = Pico.zero

        var remaining: Pico { granted - settled }
    }

    private(set) var head: HeadSummary
    private(set) var leases: [LeaseID: Lease] = [:]
    /// Charges that came when neither their lease nor the free balance had room for them.
    private(set) var excess = Pico.zero
    private(set) var operationCount = 0
    private var appended: Set<Int> = []

    init(balance: Pico, creditLimit: Pico = .zero) {
        head = HeadSummary(
            version: 1,
            balance: balance,
            creditLimit: creditLimit,
            escrowed: .zero,
            reserved: .zero,
            overdrawn: .zero,
            isSuspended: false
        )
    }

    /// Grants between `least` and `want`, or records a refusal; a repeat gets what is recorded.
    mutating func acquire(_ request: AcquireRequest) throws(LedgerError) -> AcquireReply {
        var lease = leases[request.lease] ?? Lease(instance: request.identity.instance)
        if leases[request.lease] == nil {
            let others = leases.values.filter { $0.isOpen && $0.instance == lease.instance }
            guard others.isEmpty else { throw LedgerError(.outOfSequence, "two open leases") }
        }
        if try isNext(request.opSequence, of: lease) {
            let granted = head.available < request.least ? .zero : min(request.want, head.available)
            lease.granted += granted
            lease.opSequence += 1
            lease.result = granted
            head.escrowed += granted
            operationCount += 1
            leases[request.lease] = lease
        }
        let isRepeat = lease.opSequence == request.opSequence
        return AcquireReply(
            granted: isRepeat ? lease.result : .zero,
            head: head,
            isLeaseClosed: !lease.isOpen
        )
    }

    mutating func giveBack(_ request: GiveBackRequest) throws(LedgerError) -> GiveBackReply {
        guard var lease = leases[request.lease] else { throw LedgerError(.notFound, "no lease") }
        if try isNext(request.opSequence, of: lease) {
            let amount = request.closes ? lease.remaining : request.amount
            guard amount >= .zero, amount <= lease.remaining else {
                throw LedgerError(.invalid, "more than is left")
            }
            lease.granted -= amount
            lease.isOpen = !request.closes
            lease.opSequence += 1
            lease.result = amount
            operationCount += 1
            leases[request.lease] = lease
            free(amount)
        }
        return GiveBackReply(returned: lease.result, head: head, isLeaseClosed: !lease.isOpen)
    }

    /// Appends the usage event of a call once; what no longer fits is excess.
    mutating func append(_ event: Int, charge: Pico, of id: LeaseID) {
        guard appended.insert(event).inserted else { return }
        head.version += 1
        let isOpen = leases[id]?.isOpen == true
        let fromLease = isOpen ? min(charge, leases[id]?.remaining ?? .zero) : .zero
        let free = (head.balance + head.creditLimit - head.escrowed - head.reserved).clampedToZero
        let fromFree = min(charge - fromLease, free)
        leases[id]?.settled += fromLease
        head.escrowed -= fromLease
        head.balance -= fromLease + fromFree
        excess += charge - fromLease - fromFree
    }

    /// Releases a lease as the operator or the end of its validity does.
    mutating func close(_ id: LeaseID) {
        guard var lease = leases[id], lease.isOpen else { return }
        let amount = lease.remaining
        lease.granted = lease.settled
        lease.isOpen = false
        leases[id] = lease
        free(amount)
    }

    mutating func grant(_ amount: Pico) {
        head.version += 1
        head.balance += amount
        releaseOverdrawn()
    }

    /// Takes credit away, running calls or not.
    mutating func chargeBack(_ amount: Pico) {
        head.version += 1
        head.balance -= amount
        head.overdrawn = (head.escrowed - head.balance - head.creditLimit).clampedToZero
    }

    mutating func setSuspended(_ isSuspended: Bool) { head.isSuspended = isSuspended }

    /// What breaks a rule, in words; nil when nothing does.
    var violation: String? {
        let open = leases.values.filter(\.isOpen)
        if open.reduce(.zero, { $0 + $1.remaining }) != head.escrowed { return "escrow is no sum" }
        if head.escrowed < .zero { return "escrow below zero" }
        if head.balance + head.creditLimit + head.overdrawn < head.escrowed { return "overspent" }
        return nil
    }

    private func isNext(_ opSequence: Int64, of lease: Lease) throws(LedgerError) -> Bool {
        if !lease.isOpen || opSequence == lease.opSequence { return false }
        guard opSequence == lease.opSequence + 1 else {
            throw LedgerError(.outOfSequence, "\(opSequence) after \(lease.opSequence)")
        }
        return true
    }

    private mutating func free(_ amount: Pico) {
        head.escrowed -= amount
        releaseOverdrawn()
    }

    private mutating func releaseOverdrawn() {
        head.overdrawn = min(
            head.overdrawn,
            (head.escrowed - head.balance - head.creditLimit).clampedToZero
        )
    }
}
