import Schema

/// What a book asks its driver to do.
package enum LeaseAction: Sendable {
    case acquire(AcquireRequest)
    case giveBack(GiveBackRequest)
    case reclaim(ReclaimRequest)
    /// Asks the account's other lease holders to give back what they do not use.
    case recall(AccountID)
    case resume(UInt64, Result<EscrowHold, EscrowRefusal>)
}

/// The one operation of a lease that the database has not answered yet.
struct PendingOperation: Sendable {
    enum Kind: Sendable {
        case acquire(AcquireRequest)
        case giveBack(GiveBackRequest)
        case reclaim(ReclaimRequest)

        var isReclaimIn: Incarnation? {
            if case .reclaim(let request) = self { request.identity.incarnation } else { nil }
        }
    }

    let kind: Kind
    /// The tenure's lapses when it was last sent.
    var lapses: Int
    /// The last waiter that had come when it was last sent.
    var arrivals: UInt64
    var failures = 0
    /// When it is sent again after a failure; nil while it is under way.
    var repeatsAt: ContinuousClock.Instant?

    var action: LeaseAction {
        switch kind {
        case .acquire(let request): .acquire(request)
        case .giveBack(let request): .giveBack(request)
        case .reclaim(let request): .reclaim(request)
        }
    }
}

// MARK: - Deciding

extension LeaseBook {
    /// Decides what time alone has brought: deadlines, repeats, the next acquire.
    package mutating func tick(now: Moment, tenure: EscrowTenure) -> [LeaseAction] {
        advance(now: now, tenure: tenure)
    }

    /// Gives idle credit back and closes a lease that nobody uses; to be called every second.
    package mutating func sweep(now: Moment, tenure: EscrowTenure) -> [LeaseAction] {
        var actions: [LeaseAction] = []
        // A database that may not know the lease is asked to take it back before anything else.
        if operation == nil, tenure.admits(at: now), !isForgotten(tenure) {
            if queue.isEmpty {
                giveBackIdle(now: now, tenure: tenure, into: &actions)
            } else {
                let scraps = CapBook.Surplus.scraps(starvedCaps())
                _ = returnCaps(scraps, now: now, tenure: tenure, into: &actions)
            }
        }
        caps.rotate(now: now, settings: settings)
        demand.rotate(
            available: lease?.available ?? .zero,
            at: now,
            idleAfter: settings.idleAfter,
            growthInterval: settings.growthInterval
        )
        return actions + advance(now: now, tenure: tenure)
    }

    /// Whether so little is left that more should be fetched before a hold has to wait for it.
    package func wantsMore(now: Moment) -> Bool {
        guard operation == nil, let lease, let head, demand.slice > .zero,
            !recall.isGiving(at: now)
        else { return false }
        if let acquiresFrom, now < acquiresFrom { return false }
        let ahead = demand.ahead(free: head.available, divisor: settings.freeCreditDivisor)
        return ahead >= demand.holdRecent && lease.available < Pico(ahead.units / 4)
    }

    mutating func advance(
        isHeadFresh: Bool = false,
        now: Moment,
        tenure: EscrowTenure
    ) -> [LeaseAction] {
        var actions: [LeaseAction] = []
        recall.expire(at: now)
        serve(isHeadFresh: isHeadFresh, now: now, tenure: tenure, into: &actions)
        if queue.isEmpty { recall.settled() }
        decide(now: now, tenure: tenure, into: &actions)
        return actions
    }

    private mutating func decide(
        now: Moment,
        tenure: EscrowTenure,
        into actions: inout [LeaseAction]
    ) {
        if tenure.phase == .superseded {
            operation = nil
            retireLease()
            return
        }
        if isForgotten(tenure), operation?.kind.isReclaimIn != tenure.identity.incarnation {
            reclaim(tenure: tenure, into: &actions)
        } else if var operation {
            guard let repeatsAt = operation.repeatsAt, now >= repeatsAt else { return }
            operation.repeatsAt = nil
            operation.lapses = tenure.lapses
            operation.arrivals = queue.arrivals
            self.operation = operation
            actions.append(operation.action)
        } else if tenure.phase == .draining {
            drain(now: now, tenure: tenure, into: &actions)
        } else if tenure.admits(at: now),
            !returnCaps(.outdated, now: now, tenure: tenure, into: &actions)
        {
            acquireMore(now: now, tenure: tenure, into: &actions)
        }
        giveBackRecalled(now: now, tenure: tenure, into: &actions)
    }

    /// The caps whose leases here are too small for somebody who waits.
    private func starvedCaps() -> Set<CapScope> {
        var starved: Set<CapScope> = []
        for waiter in queue.waiters where waiter.isShortOfCap {
            for cap in waiter.caps {
                let supply = caps.supply(cap.scope, at: waiter.admittedAt)?.available ?? .zero
                if supply < waiter.least { starved.insert(cap.scope) }
            }
        }
        return starved
    }

    private mutating func acquireMore(
        now: Moment,
        tenure: EscrowTenure,
        into actions: inout [LeaseAction]
    ) {
        if let acquiresFrom, now < acquiresFrom { return }
        if queue.isEmpty {
            // Any answer ends a doubt: then the lease can give parts back again.
            let isInDoubt = lease?.isInDoubt == true
            guard isInDoubt || wantsMore(now: now) else { return }
            let want = isInDoubt ? Pico(1) : demand.holdRecent
            beginAcquire(
                AcquirePlan(want: want, least: max(want, Pico(1))),
                isAhead: !isInDoubt,
                now: now,
                tenure: tenure,
                into: &actions
            )
            return
        }
        var asking = eligibleWaiters()
        // What the database has said of an account that may spend nothing is true for newcomers too.
        if asking.isEmpty || isBlocked {
            guard retriesFrom.map({ now >= $0 }) ?? true else { return }
            asking = queue.waiters
        }
        guard let target = asking.first else { return }
        var plan = AcquirePlan(asking, available: lease?.available ?? .zero, caps: caps)
        plan.askAhead(of: &caps, now: now, settings: settings)
        beginAcquire(
            plan,
            isAhead: target.id == queue.first?.id,
            now: now,
            tenure: tenure,
            into: &actions
        )
    }

    /// The waiters that an acquire can help now: those that the database has not answered, and
    /// those whose shortfall it has free.
    func eligibleWaiters() -> [LeaseBookQueue.Waiter] {
        let free = head?.available ?? .zero
        let available = lease?.available ?? .zero
        let mayPass = queue.mayPass(max: settings.passesMax)
        return queue.waiters.filter { waiter in
            if waiter.word != .answered { return true }
            guard mayPass || waiter.id == queue.first?.id || waiter.isShortOfCap else {
                return false
            }
            let shortfall = waiter.least - available
            let isHelped = waiter.caps.allSatisfy { cap in
                let supply = caps.supply(cap.scope, at: waiter.admittedAt)?.available ?? .zero
                return waiter.least - supply <= caps.free(cap.scope, at: waiter.admittedAt)
            }
            return isHelped && shortfall <= free && (shortfall > .zero || waiter.isShortOfCap)
        }
    }

    private mutating func beginAcquire(
        _ plan: AcquirePlan,
        isAhead: Bool,
        now: Moment,
        tenure: EscrowTenure,
        into actions: inout [LeaseAction]
    ) {
        var plan = plan
        if plan.total > .zero {
            demand.acquiring(plan.total, at: now, growthInterval: settings.growthInterval)
        }
        let free = head?.available ?? .zero
        if isAhead { plan.raise(to: demand.ahead(free: free, divisor: settings.freeCreditDivisor)) }
        let lease = lease ?? openLease(tenure)
        let request = AcquireRequest(
            identity: tenure.identity,
            account: account,
            lease: lease.id,
            opSequence: lease.nextSequence,
            want: min(plan.want, Pico.balanceMax),
            least: plan.least,
            capped: plan.capped
        )
        acquiresFrom = now + settings.acquireInterval
        begin(.acquire(request), tenure: tenure, into: &actions)
    }

    mutating func begin(
        _ kind: PendingOperation.Kind,
        tenure: EscrowTenure,
        into actions: inout [LeaseAction]
    ) {
        let operation = PendingOperation(
            kind: kind,
            lapses: tenure.lapses,
            arrivals: queue.arrivals
        )
        self.operation = operation
        actions.append(operation.action)
    }
}
