import Digest
import Ingress
import Journal
import Ledger
import LedgerModel
import Schema

/// The transactions whose rules a mutation may break.
extension World {
    func register(
        _ process: Process,
        _ expected: Nonce?
    ) -> Result<InstanceIdentity, LedgerError> {
        let instance = disks[process.disk].instance
        let recorded = database.instances[instance]?.nonce
        let expected = mutation == .acceptsCopies ? recorded : expected
        let result = attempt { database throws(LedgerError) in
            try database.register(
                instance,
                expectedNonce: expected,
                freshNonce: process.freshNonce,
                epochKnown: process.epochKnown
            )
        }
        if case .success = result, recorded != process.freshNonce {
            registeredAt[instance] = now
            let known = disks[process.disk].registrations.records.map(\.nonce)
            if let recorded, !known.contains(recorded.inJournal) {
                fail("I4: process \(process.id) is let in with an old copy of a journal")
            }
        }
        return result
    }

    func acquire(_ request: AcquireRequest) -> Result<AcquireReply, LedgerError> {
        guard mutation != nil else {
            return attempt { database throws(LedgerError) in try database.acquire(request) }
        }
        let hidden = hideOtherCaps(of: request)
        defer { database.tamperCaps(request.account) { $0.leases.merge(hidden) { $1 } } }
        let escrowed = database.accounts[request.account]?.head.escrowed ?? .zero
        if mutation == .grantsWhatIsEscrowed {
            database.tamper(request.account) { $0.escrowed -= escrowed }
        }
        defer {
            if mutation == .grantsWhatIsEscrowed {
                database.tamper(request.account) { $0.escrowed += escrowed }
            }
        }
        let result = attempt { database throws(LedgerError) in
            try database.acquire(mutation == .grantsRepeats ? renumbered(request) : request)
        }
        guard mutation == .understatesBalance, case .success(let reply) = result else {
            return result
        }
        var head = reply.head
        head.balance = Pico(head.balance.units / 2)
        return .success(
            AcquireReply(
                granted: reply.granted,
                head: head,
                isLeaseClosed: reply.isLeaseClosed,
                caps: reply.caps
            )
        )
    }

    /// A repeat under the number that is next, as if nothing were recorded.
    private func renumbered(_ request: AcquireRequest) -> AcquireRequest {
        let row = database.accounts[request.account]?.leases[request.lease]?.row
        guard let row, row.opSequence == request.opSequence, row.opKind == .acquire else {
            return request
        }
        return AcquireRequest(
            identity: request.identity,
            account: request.account,
            lease: request.lease,
            opSequence: row.opSequence + 1,
            want: request.want,
            least: request.least,
            capped: request.capped
        )
    }

    /// Takes away what other leases have of caps, when a mutation says so, and returns it.
    private func hideOtherCaps(of request: AcquireRequest) -> [LeaseID: [CapDay: ModelCaps.Lease]] {
        guard mutation == .grantsLeasedCaps else { return [:] }
        let leases = database.accounts[request.account]?.caps.leases ?? [:]
        let others = leases.filter { $0.key != request.lease }
        database.tamperCaps(request.account) { caps in
            for lease in others.keys { caps.leases[lease] = nil }
        }
        return others
    }

    func project(_ targets: [ProjectionTarget]) -> ModelDatabase.Projected {
        // Another projector has some of the streams in hand.
        let free = isHealed ? targets : targets.filter { _ in !dice.chance(3) }
        let before = free.map { database.accounts[$0.account]?.projection.version ?? 0 }
        let projected = database.project(
            free,
            streamMax: Self.projectionLimits.eventsMax,
            refusing: poison
        )
        if mutation == .projectsTwice {
            for (target, version) in zip(free, before) {
                database.tamperProjection(target.account, version: version)
            }
        }
        return projected
    }

    func append(_ shipment: Shipment) -> Result<[AppendOutcome], LedgerError> {
        // What a mutation needs to know is held beside the database, which would then be copied.
        guard mutation != nil else {
            return attempt { database throws(LedgerError) in try database.append(shipment.hashed) }
        }
        let before = accounts.map { database.accounts[$0]?.head }
        let caps = accounts.map { database.accounts[$0]?.caps ?? ModelCaps() }
        let ends = accounts.map { database.accounts[$0]?.chargedFrom }
        if mutation == .chargesTheLate {
            for account in accounts { database.tamperChargedFrom(account, nil) }
        }
        let result = attempt { database throws(LedgerError) in
            try database.append(
                shipment.hashed,
                knowing: mutation == .appendsTwice ? [:] : nil
            )
        }
        for (index, account) in accounts.enumerated() {
            if mutation == .chargesTheLate { database.tamperChargedFrom(account, ends[index]) }
            guard let old = before[index], let new = database.accounts[account]?.head,
                new.version > old.version
            else { continue }
            switch mutation {
            case .skipsVersion: database.tamper(account) { $0.version += 1 }
            case .miscountsBalance: database.tamper(account) { $0.balance += Pico(1) }
            case .forgetsSpending: database.tamperCaps(account) { $0.days = caps[index].days }
            case .settlesBesideCaps: database.tamperCaps(account) { $0.leases = caps[index].leases }
            case .settlesBesideEscrow: database.tamper(account) { $0.escrowed = old.escrowed }
            default: break
            }
        }
        return result
    }
}
