import Ingress
import Journal
import Ledger
import Schema

/// The life of a call, as `CallLife` and `Settlement` lead it.
extension World {
    func arrive() {
        let host = dice.number(0...(hosts.count - 1))
        let index = dice.number(0...(accounts.count - 1))
        let want = Int128(dice.number(1...20)) * Self.unit
        let least = dice.chance(50) ? want : max(want / 4, 1)
        // An upstream that reports more than was held, now and then.
        let truth = want * Int128(dice.number(0...(dice.chance(5) ? 5 : 4))) / 4
        guard let id = hosts[host].process, processes[id].phase == .serving else { return }
        let key = Caller.keys[dice.number(0...(Caller.keys.count - 1))]
        arrive(
            processes[id],
            index,
            want: Pico(want),
            least: Pico(least),
            truth: Pico(truth),
            caller: caller(key, Caller.project, index, processes[id])
        )
    }

    /// A caller with the caps that a process knows of.
    func caller(
        _ key: KeyID,
        _ project: ProjectID,
        _ index: Int,
        _ process: Process
    ) -> Caller {
        var caps: [SpendCap] = []
        for scope in [CapScope.key(key), .project(project)] where mutation != .holdsBesideCaps {
            guard let limits = process.limits[index][scope], limits != .none else { continue }
            caps.append(SpendCap(scope, limits))
        }
        return Caller(key: key, project: project, admittedAt: wallClock(of: process), caps: caps)
    }

    func arrive(
        _ process: Process,
        _ index: Int,
        want: Pico,
        least: Pico,
        truth: Pico,
        caller: Caller,
        mustHold: Bool = false
    ) {
        guard let tenure = process.tenure, now >= process.pausedUntil else { return }
        disturbedAt = now
        let clock = process.clock(now)
        if let hold = process.books[index].mutate({
            $0.tryHold(want, caps: caller.caps, at: caller.admittedAt, now: clock, tenure: tenure)
        }), let hold {
            admit(process, index, hold, truth: truth, caller)
            if process.books[index]?.value.wantsMore(now: clock) == true {
                drive(process, index) { $0.tick(now: $1, tenure: $2) }
            }
            return
        }
        wait(process, index, want: want, least: least, truth: truth, caller, mustHold: mustHold)
    }

    private func wait(
        _ process: Process,
        _ index: Int,
        want: Pico,
        least: Pico,
        truth: Pico,
        _ caller: Caller,
        mustHold: Bool
    ) {
        let waitMax = mustHold ? Duration.seconds(8) : plan.settings.holdWaitMax
        let deadline = process.clock(now) + waitMax
        process.waiterLast += 1
        let waiter = process.waiterLast
        process.waits[waiter] = Wait(
            accountIndex: index,
            want: want,
            least: least,
            truth: truth,
            caller: caller,
            deadline: deadline,
            deadlineMoment: process.moment(of: deadline),
            mustHold: mustHold,
            isFirst: !process.waits.values.contains { $0.accountIndex == index },
            coverableMin: coverable(index),
            capCoverableMin: coverable(index, caller),
            freeMin: free(index, for: process, caller),
            wasSuspended: head(index).isSuspended
        )
        if !mustHold, dice.chance(5) {
            agenda.add(.cancel(process.id, waiter: waiter), at: after(.seconds(1)))
        }
        if process.books[index] == nil { process.books[index] = freshBook(process, index) }
        drive(process, index) { book, now, tenure in
            book.wait(
                waiter,
                want: want,
                least: least,
                caps: caller.caps,
                at: caller.admittedAt,
                deadline: deadline,
                now: now,
                tenure: tenure
            )
        }
    }

    func cancel(_ process: Process, _ waiter: UInt64) {
        guard process.phase != .dead, let wait = process.waits[waiter] else { return }
        drive(process, wait.accountIndex) {
            $0.cancel(waiter, now: $1, tenure: $2) ?? []
        }
    }

    func resume(
        _ process: Process,
        _ waiter: UInt64,
        _ result: Result<EscrowHold, EscrowRefusal>
    ) {
        guard let wait = process.waits.removeValue(forKey: waiter) else {
            return fail("process \(process.id): a hold is answered twice")
        }
        switch result {
        case .success(let hold):
            if hold.amount > wait.want || hold.amount < wait.least {
                fail("a hold of \(hold.amount) for \(wait.least)…\(wait.want)")
            }
            admit(process, wait.accountIndex, hold, truth: wait.truth, wait.caller)
        case .failure(let refusal):
            judge(refusal, of: wait, process)
        }
    }

    /// The hold is there: the draft goes into the journal before the request leaves.
    private func admit(
        _ process: Process,
        _ index: Int,
        _ hold: EscrowHold,
        truth: Pico,
        _ caller: Caller
    ) {
        statistics.admitted += 1
        checkAdmission(process, hold, index)
        let call = Call(
            id: calls.count,
            accountIndex: index,
            event: makeID(),
            process: process.id,
            disk: process.disk,
            caller: caller,
            truth: truth,
            hold: hold,
            capped: mutation == .chargesUncappedToCaps ? [.key, .project] : hold.capped
        )
        calls.append(call)
        callsByEvent[call.event] = call.id
        process.runningCount += 1
        process.owe(hold.amount, on: hold.lease, by: caller)
        note(
            "process \(process.id): call \(call.id) of account \(index) holds \(hold.amount)"
        )
        if mutation == .leavesBeforeDraft { call.hasLeft = true }
        schedule(.write(.enter(call.id)), on: process, within: .milliseconds(2))
    }

    func entered(_ process: Process, _ call: Call, _ succeeded: Bool) {
        guard succeeded else {
            process.runningCount -= 1
            note("process \(process.id): call \(call.id) finds no room in the journal")
            return settleHold(process, call, charge: .zero)
        }
        call.hasLeft = true
        // Most answers take moments, some as long as a call may take.
        let most = min(
            Moment.milliseconds(dice.chance(10) ? 6_000 : 1_500),
            Moment(plan.settings.callDeadline)
        )
        schedule(.upstreamEnds(call.id), on: process, within: most)
    }

    func upstreamEnds(_ process: Process, _ call: Call) {
        disturbedAt = now
        grow(process, call)
        schedule(.write(.settle(call.id)), on: process, within: .milliseconds(2))
    }

    /// Some calls hold more while they run.
    private func grow(_ process: Process, _ call: Call) {
        guard dice.chance(10), let tenure = process.tenure else { return }
        let amount = Pico(call.hold.amount.units * 2)
        let clock = process.clock(now)
        guard
            let grown = process.books[call.accountIndex].mutate({
                $0.tryGrow(call.hold, to: amount, now: clock, tenure: tenure)
            }), let grown
        else { return }
        // A copy of the journal may have ended it already: then it will take no more.
        if !call.isAppended {
            process.owe(grown.amount - call.hold.amount, on: call.hold.lease, by: call.caller)
        }
        checkAdmission(process, grown, call.accountIndex)
        call.hold = grown
    }

    /// The end is durable, or waits for the disk; the hold turns into what was charged.
    func settled(_ process: Process, _ call: Call, _ succeeded: Bool) {
        process.runningCount -= 1
        disturbedAt = now
        if succeeded { deliver(call) } else { process.late.append(call.id) }
        settleHold(process, call, charge: call.charge)
    }

    func deliver(_ call: Call) {
        call.isDelivered = true
        statistics.delivered += 1
    }

    private func settleHold(_ process: Process, _ call: Call, charge: Pico) {
        if !call.isAppended {
            process.owe(charge - call.hold.amount, on: call.hold.lease, by: call.caller)
        }
        call.isSettled = true
        let twice = dice.chance(3)
        for _ in 0..<(twice ? 2 : 1) {
            drive(process, call.accountIndex) {
                $0.settle(call.hold, charge: charge, now: $1, tenure: $2)
            }
        }
    }
}
