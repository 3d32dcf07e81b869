import Schema

/// How holds wait, are served and are refused.
extension LeaseBook {
    /// Lets a hold wait for credit; it is resumed exactly once, at its deadline at the latest.
    package mutating func wait(
        _ waiter: UInt64,
        want: Pico,
        least: Pico,
        caps: [SpendCap] = [],
        at instant: Instant = Instant(microseconds: 0),
        deadline: Moment,
        now: Moment,
        tenure: EscrowTenure
    ) -> [LeaseAction] {
        if want <= .zero || queue.count >= settings.waitersMax {
            return [.resume(waiter, immediate(want, least: least, now: now, tenure: tenure))]
        }
        self.caps.adopt(caps)
        queue.append(
            id: waiter,
            want: want,
            least: min(max(least, Pico(1)), want),
            caps: caps,
            admittedAt: instant,
            deadline: deadline
        )
        return advance(now: now, tenure: tenure)
    }

    /// Takes a waiting hold out; nil when it has been resumed already.
    package mutating func cancel(
        _ waiter: UInt64,
        now: Moment,
        tenure: EscrowTenure
    ) -> [LeaseAction]? {
        guard queue.remove(waiter) else { return nil }
        let refusal = refusal(.cancelled, needing: .zero)
        return [.resume(waiter, .failure(refusal))] + advance(now: now, tenure: tenure)
    }

    /// What holds get that never wait: those of zero, and those that find the queue full.
    private mutating func immediate(
        _ want: Pico,
        least: Pico,
        now: Moment,
        tenure: EscrowTenure
    ) -> Result<EscrowHold, EscrowRefusal> {
        guard tenure.admits(at: now) else {
            return .failure(refusal(.unavailable, needing: least))
        }
        let tiedUp = EscrowRefusal.Reason.tiedUp(retryAfter: settings.retryAfter)
        if let head, isBarred(at: now) {
            let overdrawn = coverable(head) <= .zero ? .insufficient : tiedUp
            return .failure(refusal(head.isSuspended ? .suspended : overdrawn, needing: least))
        }
        if want <= .zero { return .success(open(.zero, on: nil)) }
        return .failure(refusal(tiedUp, needing: least))
    }

    /// Serves and refuses what can be decided now, in order.
    ///
    /// - Parameter isHeadFresh: the head came this moment, in answer to an acquire. Only then
    ///   does it prove that the balance is too low: credit may have been granted since.
    mutating func serve(
        isHeadFresh: Bool,
        now: Moment,
        tenure: EscrowTenure,
        into actions: inout [LeaseAction]
    ) {
        guard !queue.isEmpty else { return }
        var queue = queue
        queue.sweep(
            { waiter, isFirst, mayPass in
                let mayTake = isFirst || mayPass
                switch verdict(
                    on: waiter,
                    mayTake: mayTake,
                    isHeadFresh: isHeadFresh,
                    now: now,
                    tenure: tenure
                )
                {
                case .wait:
                    return nil
                case .take(let amount):
                    guard
                        let hold = take(amount, of: waiter.caps, at: waiter.admittedAt, now: now)
                    else { return nil }
                    actions.append(.resume(waiter.id, .success(hold)))
                    return .served
                case .refuse(let reason, let cap):
                    let refusal = refusal(reason, needing: waiter.least, cap: cap)
                    actions.append(.resume(waiter.id, .failure(refusal)))
                    return .refused
                }
            },
            isShortOfCap: { caps.available($0.caps, at: $0.admittedAt) < $0.least },
            passesMax: settings.passesMax
        )
        self.queue = queue
    }

    private enum Verdict {
        case wait
        case take(Pico)
        case refuse(EscrowRefusal.Reason, CapShortage? = nil)
    }

    private func verdict(
        on waiter: LeaseBookQueue.Waiter,
        mayTake: Bool,
        isHeadFresh: Bool,
        now: Moment,
        tenure: EscrowTenure
    ) -> Verdict {
        guard tenure.admits(at: now) else { return .refuse(.unavailable) }
        let isAnswered = waiter.word == .answered
        if isAnswered, isHeadFresh, head?.isSuspended == true { return .refuse(.suspended) }
        if mayTake, !isBlocked {
            let spendable = min(
                spendable(tenure),
                caps.available(waiter.caps, at: waiter.admittedAt)
            )
            if waiter.want <= spendable { return .take(waiter.want) }
            // Less than wanted only when the database, and the others, have had their say.
            let isHeard = !recall.isPatient(at: now) || now >= waiter.deadline
            if waiter.word != .none, waiter.least <= spendable, isHeard { return .take(spendable) }
        }
        if isAnswered, isHeadFresh, let head, coverable(head) < waiter.least {
            return .refuse(.insufficient)
        }
        if isAnswered, isHeadFresh,
            let cap = caps.exhausted(
                waiter.caps,
                by: waiter.least,
                at: waiter.admittedAt,
                now: now
            )
        {
            return .refuse(.insufficient, cap)
        }
        guard now >= waiter.deadline else { return .wait }
        guard isAnswered else { return .refuse(.unavailable) }
        let tiedUp = EscrowRefusal.Reason.tiedUp(retryAfter: settings.retryAfter)
        if spendable(tenure) < waiter.least, (head?.available ?? .zero) < waiter.least {
            return .refuse(tiedUp)
        }
        let cap = caps.shortage(waiter.caps, of: waiter.least, at: waiter.admittedAt)
        return .refuse(tiedUp, cap)
    }

    /// When something is to be decided that nobody will report; call `tick` then.
    package func nextWake(tenure: EscrowTenure) -> Moment? {
        var wake = queue.earliestDeadline
        func include(_ moment: Moment?) {
            guard let moment else { return }
            wake = min(wake ?? moment, moment)
        }
        if !queue.isEmpty {
            include(tenure.validUntil)
            include(recall.patientUntil)
        }
        if let operation {
            include(operation.repeatsAt)
        } else if !queue.isEmpty {
            include(
                eligibleWaiters().isEmpty || isBlocked
                    ? max(retriesFrom, acquiresFrom) : acquiresFrom
            )
        }
        include(givesBackRecalledFrom)
        return wake
    }
}

/// The later of two moments that may be missing.
func max(
    _ left: LeaseBook.Moment?,
    _ right: LeaseBook.Moment?
) -> LeaseBook.Moment? {
    guard let left else { return right }
    guard let right else { return left }
    return Swift.max(left, right)
}
