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
        // A credit-starved account keeps no working set: others may be waiting for it.
        let keepMax = Pico((head?.available ?? .zero).units / settings.freeCreditDivisor)
        let idle = demand.idle(available: lease.available, keepMax: keepMax)
        let isLarge = idle.units * 4 >= (lease.granted - lease.settled).units
        let isDue = gaveBackAt.map { now - $0 >= settings.giveBackInterval } ?? true
        guard idle > .zero, isLarge || isDue else { return }
        gaveBackAt = now
        beginGiveBack(idle, closes: false, tenure: tenure, into: &actions)
    }

    mutating func drain(
        now: Moment,
        tenure: EscrowTenure,
        into actions: inout [LeaseAction]
    ) {
        guard let lease, !isPaused(at: now) else { return }
        if lease.held == .zero, lease.unshipped == .zero {
            beginGiveBack(lease.available, closes: true, tenure: tenure, into: &actions)
        } else if lease.available > .zero {
            beginGiveBack(lease.available, closes: false, tenure: tenure, into: &actions)
        }
    }

    private func isPaused(at now: Moment) -> Bool { pausedUntil.map { now < $0 } ?? false }

    /// Lowers the own figure first: from here on the amount is the database's.
    private mutating func beginGiveBack(
        _ amount: Pico,
        closes: Bool,
        tenure: EscrowTenure,
        into actions: inout [LeaseAction]
    ) {
        guard let lease else { return }
        self.lease?.granted -= amount
        demand.gaveBack(amount)
        let request = GiveBackRequest(
            identity: tenure.identity,
            account: account,
            lease: lease.id,
            opSequence: lease.nextSequence,
            amount: amount,
            closes: closes
        )
        begin(.giveBack(request), tenure: tenure, into: &actions)
    }
}
