import Schema

/// How instances make room for each other when an account's credit runs short.
///
/// *Asking.* An acquire that leaves waiting holds short, while other leases have credit, recalls
/// what those do not use. The asker retries soon and ever less often, and holds are cut to what is
/// there only after the others had the time to answer.
///
/// *Giving.* A recalled lease gives back all that no hold takes, at once and for as long as the
/// recall is remembered, and leases nothing ahead of need. So whatever is free goes to whoever
/// asks for exactly what it needs, and no holder starves another.
struct LeaseBookRecall: Sendable {
    typealias Moment = ContinuousClock.Instant

    /// When others may be asked again.
    private(set) var asksFrom: Moment?
    private var askPause: Duration?
    private var retryPause: Duration?
    /// Until when waiting holds are not cut to what is there already.
    private(set) var patientUntil: Moment?
    /// Until when others are known to be short.
    private(set) var givesUntil: Moment?
    /// When the next part may be given back to them.
    private(set) var givesFrom: Moment?

    func isPatient(at now: Moment) -> Bool { patientUntil.map { now < $0 } ?? false }

    func isGiving(at now: Moment) -> Bool { givesUntil.map { now < $0 } ?? false }

    func mayAsk(at now: Moment) -> Bool { asksFrom.map { now >= $0 } ?? true }

    /// Notes a recall that is about to be sent.
    ///
    /// Those in a row come ever less often, up to once in `recallPauseMax`; a lost one therefore
    /// costs no more than that.
    mutating func ask(now: Moment, settings: EscrowSettings) {
        let isInARow = asksFrom.map { now - $0 < settings.recallPauseMax } ?? false
        let pause = isInARow ? askPause.map { $0 * 2 } : nil
        askPause = min(pause ?? settings.recallPauseMin, settings.recallPauseMax)
        asksFrom = now + (askPause ?? settings.recallPauseMin)
        patientUntil = now + settings.recallPatience
        retryPause = nil
    }

    /// How long to wait for what was recalled before the database is asked again.
    mutating func nextRetry(settings: EscrowSettings) -> Duration {
        let pause = min(
            retryPause.map { $0 * 2 } ?? settings.recallRetryMin,
            settings.waiterRetryInterval
        )
        retryPause = pause
        return pause
    }

    /// Lets go of what time has ended, so that nothing is woken for it again.
    mutating func expire(at now: Moment) {
        if !isPatient(at: now) { patientUntil = nil }
        if !isGiving(at: now) { givesUntil = nil }
    }

    /// Nobody waits: the next shortage begins anew.
    mutating func settled() {
        patientUntil = nil
        retryPause = nil
    }

    mutating func recalled(now: Moment, settings: EscrowSettings) {
        givesUntil = now + settings.recallMemory
    }

    mutating func gaveBack(now: Moment, settings: EscrowSettings) {
        givesFrom = now + settings.acquireInterval
    }
}

extension LeaseBook {
    /// Another instance is short of this account's credit: gives back what no hold takes.
    package mutating func recalled(now: Moment, tenure: EscrowTenure) -> [LeaseAction] {
        guard lease != nil else { return [] }
        recall.recalled(now: now, settings: settings)
        demand.recalled()
        return advance(now: now, tenure: tenure)
    }

    /// After an acquire's answer: asks the others when waiting holds stay short of what those have.
    mutating func recallWhatIsShort(now: Moment) -> [LeaseAction] {
        let wanted = queue.waiters.reduce(Pico.zero) { $0 + $1.want }
        guard let head, let lease, wanted > lease.available, !isBlocked, leasedElsewhere > .zero,
            queue.waiters.contains(where: { $0.least <= coverable(head) })
        else { return [] }
        let actions: [LeaseAction]
        if recall.mayAsk(at: now) {
            recall.ask(now: now, settings: settings)
            actions = [.recall(account)]
        } else {
            actions = []
        }
        retriesFrom = now + recall.nextRetry(settings: settings)
        return actions
    }

    /// What other leases of the account had by its latest figures, at least.
    private var leasedElsewhere: Pico {
        guard let head else { return .zero }
        let own = lease.map { $0.granted - $0.shipped } ?? .zero
        return (head.escrowed - own).clampedToZero
    }

    /// Gives back all that no hold takes, unless it is enough for one that waits here.
    mutating func giveBackRecalled(
        now: Moment,
        tenure: EscrowTenure,
        into actions: inout [LeaseAction]
    ) {
        guard recall.isGiving(at: now), let lease, let from = givesBackRecalledFrom, now >= from
        else { return }
        recall.gaveBack(now: now, settings: settings)
        beginGiveBack(lease.available, closes: false, tenure: tenure, into: &actions)
    }

    /// When a part is to be given back to others that are short; nil when there is none.
    ///
    /// Who waits for a cap needs no money of the account yet: clients that call again and again
    /// under a cap that is used up would keep it from everybody.
    var givesBackRecalledFrom: Moment? {
        guard let until = recall.givesUntil, operation == nil, lease?.isInDoubt == false,
            let available = lease?.available, available > .zero,
            queue.waiters.allSatisfy({ $0.isShortOfCap || $0.least > available })
        else { return nil }
        let from = max(recall.givesFrom, pausedUntil) ?? until - settings.recallMemory
        return from < until ? from : nil
    }
}
