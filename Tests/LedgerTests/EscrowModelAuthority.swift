import Ledger
import Schema

/// The database's side of one account's leases, by the ledger's own rules and without a server.
///
/// `ModelDatabase` is the whole of it: registrations, constraints, parked events. This one is for
/// tests of the escrow that know one account only, and instances that nobody registers.
struct EscrowModelAuthority: Sendable {
    private(set) var head: HeadSummary
    private var leases: [LeaseID: LeaseRow] = [:]
    private var holders: [LeaseID: InstanceID] = [:]

    init(balance: Pico) {
        head = HeadSummary(
            version: 1,
            balance: balance,
            creditLimit: .zero,
            escrowed: .zero,
            reserved: .zero,
            overdrawn: .zero,
            isSuspended: false
        )
    }

    mutating func acquire(_ request: AcquireRequest) throws(LedgerError) -> AcquireReply {
        let (id, instance) = (request.lease, request.identity.instance)
        let others = leases.filter {
            $0.value.isOpen && $0.key != id && holders[$0.key] == instance
        }
        guard leases[id] != nil || others.isEmpty else {
            throw LedgerError(.outOfSequence, "two open leases")
        }
        let done = try LeaseOperation.acquire(request, head: head, lease: leases[id])
        apply(done, to: id, of: instance)
        return AcquireReply(granted: done.result, head: head, isLeaseClosed: done.isLeaseClosed)
    }

    mutating func giveBack(_ request: GiveBackRequest) throws(LedgerError) -> GiveBackReply {
        let id = request.lease
        let done = try LeaseOperation.giveBack(request, head: head, lease: leases[id])
        apply(done, to: id, of: request.identity.instance)
        return GiveBackReply(returned: done.result, head: head, isLeaseClosed: done.isLeaseClosed)
    }

    /// Appends a call's charge, which its lease must have set aside.
    mutating func append(charge: Pico, of id: LeaseID) {
        head.version += 1
        head.escrowed -= charge
        head.balance -= charge
        leases[id]?.settled += charge
    }

    private mutating func apply(
        _ done: LeaseOperation,
        to id: LeaseID,
        of instance: InstanceID
    ) {
        guard let change = done.change else { return }
        head = change.head
        leases[id] = change.lease
        holders[id] = instance
    }
}
