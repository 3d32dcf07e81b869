import Ledger
import Schema

/// Caps within the ledger's transactions.
extension ModelDatabase {
    /// `SpendCapChange.apply`.
    package mutating func limit(
        _ scope: CapScope,
        of account: AccountID,
        _ changes: SpendLimitChanges
    ) {
        guard let known = accounts[account], !changes.limits.isEmpty else { return }
        if known.caps.limits[scope] == nil {
            accounts[account]?.caps.beginCounting(scope, in: known.stream)
        }
        for (period, limit) in changes.limits {
            accounts[account]?.caps.limits[scope]?[period] = limit
        }
    }

    func readCaps(_ wanted: [CapInstant], of account: AccountID) -> [CapInstant: CapFigures] {
        var found: [CapInstant: CapFigures] = [:]
        for asked in wanted {
            found[asked] = capFigures(of: asked.scope, at: asked.at, in: account)
        }
        return found
    }

    /// What a cap's windows say; nil for a scope that has none.
    package func capFigures(
        of scope: CapScope,
        at instant: Instant,
        in account: AccountID
    ) -> CapFigures? {
        guard let known = accounts[account] else { return nil }
        return known.caps.figures(of: scope, at: instant) { known.leases[$0]?.row.isOpen == true }
    }

    /// `LeaseStep.grantCaps`, in the order of the request.
    mutating func grantCaps(
        _ request: AcquireRequest,
        _ operation: LeaseOperation,
        _ figures: [CapInstant: CapFigures]
    ) -> [CapGrant] {
        var seen: Set<CapDay> = []
        let caps = request.capInstants.compactMap { figures[$0] }
            .filter { seen.insert($0.day).inserted }
        guard let granted = operation.change?.caps else {
            let recorded =
                accounts[request.account]?.caps
                .recorded(request.lease, opSequence: request.opSequence) ?? [:]
            return caps.map { CapGrant(granted: recorded[$0.day] ?? .zero, figures: $0) }
        }
        accounts[request.account]?.caps
            .grant(granted, to: request.lease, opSequence: request.opSequence)
        return caps.map { cap in
            let amount = granted[cap.day] ?? .zero
            return CapGrant(granted: amount, figures: cap.adding(amount))
        }
    }

    /// `LeaseStep.reclaimCaps`.
    mutating func reclaimCaps(
        _ request: ReclaimRequest,
        _ operation: LeaseOperation,
        _ figures: [CapInstant: CapFigures]
    ) -> [CapRemainder] {
        guard var caps = accounts[request.account]?.caps else { return [] }
        if operation.change == nil {
            let recorded = caps.recorded(request.lease, opSequence: request.opSequence)
            return request.caps.map {
                CapRemainder(day: $0.day, amount: recorded[$0.day] ?? .zero)
            }
        }
        let known = (caps.leases[request.lease] ?? [:]).mapValues(\.remaining)
        let decided = CapReclaim(request.caps, known: known, figures: figures)
        caps.reclaim(decided, of: request.lease, opSequence: request.opSequence)
        accounts[request.account]?.caps = caps
        return decided.remainders
    }
}
