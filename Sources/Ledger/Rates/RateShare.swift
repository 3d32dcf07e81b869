import Schema

/// A call's part of its key's limits, until it is settled or released.
package struct RateHold: Hashable, Sendable {
    package let key: RateKey
    let amounts: RateAmounts
    let slot: Int64
}

/// Why a call is not admitted under its key's limits.
package enum RateRefusal: Error, Hashable, Sendable {
    /// The limit is used up for so long.
    case limited(RateKind, retryAfter: Duration)
    /// The call alone is more than a minute allows.
    case beyondLimit(RateKind)
    /// The database is away, and the share is used up or over.
    case unavailable
}

/// What a share wants done.
enum RateAction: Hashable, Sendable {
    case exchange(RateRequest)
    case admit(waiter: UInt64, RateHold)
    case refuse(waiter: UInt64, RateRefusal)
    case wake(at: ContinuousClock.Instant)
}

/// When an instance was heard last, and as whom: what its shares rest on.
package struct RateStanding: Hashable, Sendable {
    package let instance: InstanceID
    package let epoch: Int64
    /// From before the last heartbeat was sent that the database took.
    package let renewedAt: ContinuousClock.Instant

    package init(instance: InstanceID, epoch: Int64, renewedAt: ContinuousClock.Instant) {
        (self.instance, self.epoch, self.renewedAt) = (instance, epoch, renewedAt)
    }
}

/// One instance's share in the limits of one key: a window of its own, under an allotment.
///
/// The sum of all instances' allotments is never above the limit, and each instance's window never
/// above its allotment: so neither is the sum of the windows, whichever minute one looks at. An
/// allotment is lowered here first and then in the database, and raised in the database first.
/// What is used is never given back; it comes free in this window, a minute later.
struct RateShare: Sendable {
    typealias Moment = ContinuousClock.Instant

    let key: RateKey
    let settings: RateSettings
    private(set) var limits: RateLimits
    private(set) var window: RateWindow
    /// Calls under way, where they are limited.
    private(set) var running: Int64 = 0
    /// What this instance may use, as the database has granted it.
    private(set) var allotted = RateAmounts.zero
    /// What the database has of this share; nil when that is not known.
    private var recorded: RateAmounts? = .zero
    /// The others' shares by the database's last word.
    private(set) var elsewhere = RateAmounts.zero
    private var heardAt: Moment?
    private var standing: RateStanding
    private var pending: RateRequest?
    /// The share was over while a request was under way: what it grants is not believed.
    private var isPendingVoid = false
    private var queue: [Waiter] = []
    private var askAgainAt: Moment
    private var isWakeArmed = false
    private var failures = 0

    private struct Waiter: Hashable {
        let id: UInt64
        let need: RateAmounts
        let deadline: Moment
        let since: Moment
        /// The last request that asked for it.
        var askedIn: Int64?
        /// Whether a request that asked for it has been answered.
        var isAnswered = false
    }

    init(
        _ key: RateKey,
        _ limits: RateLimits,
        settings: RateSettings,
        standing: RateStanding,
        origin: Moment,
        now: Moment
    ) {
        self.key = key
        self.limits = limits
        self.settings = settings
        self.standing = standing
        window = RateWindow(origin: origin)
        askAgainAt = now
        window.advance(to: now)
    }

    // MARK: Figures

    var used: RateAmounts {
        RateAmounts(requests: window.sum.requests, tokens: window.sum.tokens, running: running)
    }

    private var spare: RateAmounts { allotted - used }

    /// What nobody has, by the database's last word.
    private var free: RateAmounts {
        (limits.ceiling - elsewhere - allotted).clampedToZero
    }

    /// What a call that comes now could find, here or with the database.
    var remaining: RateAmounts { (spare + free).merged(limits.ceiling, min).clampedToZero }

    private func isValid(_ now: Moment) -> Bool { now < standing.renewedAt + settings.validity }

    /// Whether nothing would be lost without this share.
    var isForgettable: Bool {
        allotted == .zero && recorded == .zero && used == .zero && pending == nil && queue.isEmpty
    }

    /// Whether the database knows all, and has no more than is used.
    var isDrained: Bool { pending == nil && recorded == allotted && allotted == used }

    // MARK: Calls

    /// Admits a call at once, where the share covers it: the way of nearly every call.
    mutating func admit(_ need: RateAmounts, now: Moment, _ standing: RateStanding) -> RateHold? {
        advance(now, standing)
        guard isValid(now), queue.isEmpty else { return nil }
        return take(limits.counted(need))
    }

    /// Lets a call wait that the share does not cover, or refuses it.
    mutating func wait(
        _ id: UInt64,
        for need: RateAmounts,
        deadline: Moment,
        now: Moment,
        nextSequence: () -> Int64
    ) -> [RateAction] {
        let need = limits.counted(need)
        if let refusal = foreseen(need, now) { return [.refuse(waiter: id, refusal)] }
        guard isValid(now), queue.count < settings.waitersMax else {
            return [.refuse(waiter: id, .unavailable)]
        }
        if queue.isEmpty, let hold = take(need) { return [.admit(waiter: id, hold)] }
        queue.append(Waiter(id: id, need: need, deadline: deadline, since: now))
        return ask(now, nextSequence)
    }

    /// The refusal that is certain by the limits themselves, or by the database's last word.
    func foreseen(_ need: RateAmounts, _ now: Moment) -> RateRefusal? {
        let need = limits.counted(need)
        if let kind = limits.ceiling.shortage(of: need) { return .beyondLimit(kind) }
        guard pending == nil, heardAt != nil, failures == 0, now < askAgainAt else { return nil }
        guard let kind = (spare + free).shortage(of: need), kind != .running else { return nil }
        return .limited(kind, retryAfter: retryAfter(need, now))
    }

    /// Ends a call with the tokens that it used, never more than were held.
    mutating func settle(_ hold: RateHold, tokens: Int64, now: Moment) -> [RateAction] {
        let unused = RateAmounts(tokens: max(hold.amounts.tokens - max(tokens, 0), 0))
        return end(hold, unused, now)
    }

    /// Ends a call that never was: it counts for nothing.
    mutating func release(_ hold: RateHold, now: Moment) -> [RateAction] {
        end(hold, hold.amounts, now)
    }

    private mutating func end(
        _ hold: RateHold,
        _ unused: RateAmounts,
        _ now: Moment
    ) -> [RateAction] {
        window.advance(to: now)
        window.correct(unused, in: hold.slot)
        running -= hold.amounts.running
        return queue.isEmpty ? [] : serve(now)
    }

    private mutating func take(_ need: RateAmounts) -> RateHold? {
        guard spare.covers(need) else { return nil }
        running += need.running
        return RateHold(key: key, amounts: need, slot: window.add(need))
    }

    // MARK: The database

    /// Takes the answer to the request under way.
    mutating func completed(
        _ request: RateRequest,
        _ result: Result<RateReply, LedgerError>,
        now: Moment,
        _ standing: RateStanding,
        nextSequence: () -> Int64
    ) -> [RateAction] {
        guard pending?.sequence == request.sequence else { return [] }
        advance(now, standing)
        pending = nil
        switch result {
        case .failure:
            recorded = nil
            failures += 1
            askAgainAt = now + backoff
        case .success(let reply):
            failures = 0
            heardAt = now
            elsewhere = reply.elsewhere
            recorded = request.held + reply.granted
            if isPendingVoid { break }
            allotted = allotted + reply.granted
            for index in queue.indices where queue[index].askedIn == request.sequence {
                queue[index].isAnswered = true
            }
        }
        let actions = serve(now)
        restAfter(actions, now)
        return actions + ask(now, nextSequence)
    }

    /// Leaves the database alone for a moment when it had nothing for somebody.
    private mutating func restAfter(_ actions: [RateAction], _ now: Moment) {
        let hasRefused = actions.contains { if case .refuse = $0 { true } else { false } }
        if hasRefused {
            askAgainAt = max(askAgainAt, now + settings.refusalMemory)
        } else if queue.contains(where: \.isAnswered) {
            askAgainAt = max(askAgainAt, now + settings.runningRetry)
        }
    }

    /// Goes on at a moment that a `wake` named.
    mutating func woken(
        now: Moment,
        _ standing: RateStanding,
        nextSequence: () -> Int64
    ) -> [RateAction] {
        isWakeArmed = false
        advance(now, standing)
        return serve(now) + ask(now, nextSequence)
    }

    /// Gives back what is idle, tells the database what it does not know, and lets go of those who
    /// have waited for too long.
    mutating func sweep(
        now: Moment,
        _ standing: RateStanding,
        isStopping: Bool,
        nextSequence: () -> Int64
    ) -> [RateAction] {
        advance(now, standing)
        let actions = expire(now) + ask(now, nextSequence)
        guard pending == nil, queue.isEmpty, now >= askAgainAt || failures == 0 else {
            return actions
        }
        let kept = isStopping ? used : used + ahead
        allotted = allotted.merged(kept, min)
        let isOld = heardAt.map { now - $0 >= settings.refreshInterval } ?? true
        let wantsNews = isOld && elsewhere != .zero && window.recent.requests > 0
        guard recorded != allotted || wantsNews else { return actions }
        return actions + [send(want: .zero, nextSequence())]
    }

    /// What the next second may need: as much as the last one did.
    private var ahead: RateAmounts {
        var ahead = window.recent
        ahead.running = running / 4
        return ahead
    }

    private mutating func ask(_ now: Moment, _ nextSequence: () -> Int64) -> [RateAction] {
        guard pending == nil, !queue.isEmpty else { return [] }
        guard now >= askAgainAt else {
            if isWakeArmed { return [] }
            isWakeArmed = true
            return [.wake(at: askAgainAt)]
        }
        let needed = queue.reduce(RateAmounts.zero) { $0 + $1.need }
        // No more than a part of what is free, so that what is left goes to whoever asks for it.
        let reserve = ahead.merged(free) { min($0, $1 / 4) }
        let want = (needed + reserve - spare).clampedToZero
        let action = send(want: want, nextSequence())
        for index in queue.indices { queue[index].askedIn = pending?.sequence }
        return [action]
    }

    private mutating func send(want: RateAmounts, _ sequence: Int64) -> RateAction {
        let request = RateRequest(
            instance: standing.instance,
            epoch: standing.epoch,
            key: key,
            sequence: sequence,
            held: allotted,
            want: want
        )
        pending = request
        isPendingVoid = false
        return .exchange(request)
    }

    // MARK: Time

    /// Follows time and the heartbeats.
    ///
    /// Where a share was over for a moment, others may have been given what it has left: what is
    /// not used is forgotten, and asked for anew.
    private mutating func advance(_ now: Moment, _ standing: RateStanding) {
        window.advance(to: now)
        let gap = standing.renewedAt - self.standing.renewedAt
        self.standing = standing
        guard gap > settings.validity || !isValid(now) else { return }
        if allotted != used {
            allotted = used
            recorded = nil
        }
        if pending != nil { isPendingVoid = true }
    }

    /// Admits whoever fits, in their order, and refuses those that the database had nothing for.
    private mutating func serve(_ now: Moment) -> [RateAction] {
        var actions: [RateAction] = []
        var rest: [Waiter] = []
        for waiter in queue {
            if isValid(now), let hold = take(waiter.need) {
                actions.append(.admit(waiter: waiter.id, hold))
            } else if let refusal = refusal(of: waiter, now) {
                actions.append(.refuse(waiter: waiter.id, refusal))
            } else {
                rest.append(waiter)
            }
        }
        queue = rest
        return actions
    }

    private func refusal(of waiter: Waiter, _ now: Moment) -> RateRefusal? {
        if !isValid(now) { return .unavailable }
        guard waiter.isAnswered, let kind = spare.shortage(of: waiter.need) else { return nil }
        if kind == .running {
            guard now >= min(waiter.deadline, waiter.since + settings.runningPatience) else {
                return nil
            }
            return .limited(kind, retryAfter: .seconds(1))
        }
        return .limited(kind, retryAfter: retryAfter(waiter.need, now))
    }

    /// Refuses those whose time is over.
    private mutating func expire(_ now: Moment) -> [RateAction] {
        let late = queue.filter { $0.deadline <= now }
        guard !late.isEmpty else { return [] }
        queue.removeAll { $0.deadline <= now }
        return late.map { waiter in
            let isRunningOut = waiter.isAnswered && spare.shortage(of: waiter.need) == .running
            return .refuse(
                waiter: waiter.id,
                isRunningOut ? .limited(.running, retryAfter: .seconds(1)) : .unavailable
            )
        }
    }

    /// When so much of this instance's own use is over that the call fits.
    private func retryAfter(_ need: RateAmounts, _ now: Moment) -> Duration {
        window.wait(for: need - spare, from: now) ?? settings.retryAfterOthers
    }

    private var backoff: Duration {
        min(settings.backoffMax, settings.backoffMin * (1 << min(max(failures - 1, 0), 10)))
    }
}
