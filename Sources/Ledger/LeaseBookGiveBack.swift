import Schema

/// How credit that nobody uses goes back, and leases end.
extension LeaseBook {
    mutating func giveBackIdle(
        now: Moment,
        tenure: EscrowTenure,
        into actions: inout [LeaseAction]
    ) {
        guard let lease, !isPaused(at: now) else { return }
        let isUnused = usedAt.map { now - $0 >= settings.idleAfter } ?? true
        if isUnused, lease.held == .zero, lease.unshipped == .zero {
            beginGiveBack(lease.available, closes: true, tenure: tenure, into: &actions)
            return
        }
        guard !lease.isInDoubt else { return }
        // A credit-starved account keeps no working set: others may be waiting for it.
        let keepMax = Pico((head?.available ?? .zero).units / settings.freeCreditDivisor)
        let idle = demand.idle(available: lease.available, keepMax: keepMax)
        let isLarge = idle.units * 4 >= (lease.granted - lease.settled).units
        let isDue = gaveBackAt.map { now - $0 >= settings.giveBackInterval } ?? true
        let returns = caps.takeReturns(.idle, now: now, settings: settings)
        let amount = isLarge || isDue ? idle : .zero
        guard amount > .zero || !returns.isEmpty else { return }
        if amount > .zero { gaveBackAt = now }
        beginGiveBack(amount, caps: returns, closes: false, tenure: tenure, into: &actions)
    }

    /// Gives back a surplus of caps alone; false when there is none.
    mutating func returnCaps(
        _ surplus: CapBook.Surplus,
        now: Moment,
        tenure: EscrowTenure,
        into actions: inout [LeaseAction]
    ) -> Bool {
        guard let lease, !lease.isInDoubt, !isPaused(at: now) else { return false }
        let returns = caps.takeReturns(surplus, now: now, settings: settings)
        guard !returns.isEmpty else { return false }
        beginGiveBack(.zero, caps: returns, closes: false, tenure: tenure, into: &actions)
        return true
    }

    mutating func drain(
        now: Moment,
        tenure: EscrowTenure,
        into actions: inout [LeaseAction]
    ) {
        guard let lease, !isPaused(at: now) else { return }
        if lease.held == .zero, lease.unshipped == .zero {
            beginGiveBack(lease.available, closes: true, tenure: tenure, into: &actions)
        } else if lease.available > .zero, !lease.isInDoubt {
            beginGiveBack(lease.available, closes: false, tenure: tenure, into: &actions)
        }
    }

    func isPaused(at now: Moment) -> Bool { pausedUntil.map { now < $0 } ?? false }

    /// Lowers the own figure first: from here on the amount is the database's.
    mutating func beginGiveBack(
        _ amount: Pico,
        caps returns: [CapReturn] = [],
        closes: Bool,
        tenure: EscrowTenure,
        into actions: inout [LeaseAction]
    ) {
        guard let lease else { return }
        self.lease?.granted -= amount
        demand.gaveBack(amount)
        if closes { caps.close() }
        let request = GiveBackRequest(
            identity: tenure.identity,
            account: account,
            lease: lease.id,
            opSequence: closes ? lease.sequenceBeyondDoubt : lease.nextSequence,
            amount: amount,
            closes: closes,
            caps: returns
        )
        begin(.giveBack(request), tenure: tenure, into: &actions)
    }
}
