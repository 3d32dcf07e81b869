import Schema

@testable import Ledger

extension RateSimulation {
    mutating func perform(_ step: Step) {
        if let (index, start) = target(of: step) {
            if let start, start != processes[index].start || !processes[index].isAlive { return }
            if processes[index].pausedUntil > now {
                return schedule(step, after: processes[index].pausedUntil - now)
            }
        }
        switch step {
        case .arrive(let index):
            schedule(step, after: milliseconds(0...arrivalMilliseconds * 2))
            arrive(index)
        case .burst(let index): for _ in 0..<30 { arrive(index) }
        case .sweep(let index, let start):
            schedule(.sweep(index, start: start), after: settings.sweepInterval)
            change(index) { share, now, standing, next in
                share.sweep(now: now, standing, isStopping: false, nextSequence: next)
            }
        case .wake(let index, _):
            change(index) { share, now, standing, next in
                share.woken(now: now, standing, nextSequence: next)
            }
        case .heartbeat(let index, let start):
            schedule(.heartbeat(index, start: start), after: .seconds(2))
            send(.heartbeatArrives(index, start: start, sentAt: now))
        case .heartbeatArrives(let index, let start, let sentAt):
            guard !isAway, model.instances[processes[index].instance]?.epoch == Int64(start) else {
                return
            }
            model.instances[processes[index].instance]?.renewedAt = now
            send(.renewed(index, start: start, sentAt: sentAt))
        case .renewed(let index, _, let sentAt):
            let standing = processes[index].standing
            processes[index].standing = RateStanding(
                instance: standing.instance,
                epoch: standing.epoch,
                renewedAt: max(standing.renewedAt, sentAt)
            )
        case .exchangeArrives(let index, let start, let request): exchange(index, start, request)
        case .exchanged(let index, _, let request, let result):
            change(index) { share, now, standing, next in
                share.completed(request, result, now: now, standing, nextSequence: next)
            }
        case .end(let index, _, let call): end(index, call)
        case .pause: pause()
        case .cutOff: cutOff()
        case .kill: kill()
        case .restart(let index): restart(index)
        case .outage(let begins):
            isAway = begins
            schedule(.outage(!begins), after: milliseconds(begins ? 1...90_000 : 10_000...90_000))
        }
    }

    /// The process that a step happens in; the database is never paused.
    private func target(of step: Step) -> (Int, start: Int?)? {
        switch step {
        case .sweep(let index, let start), .wake(let index, let start),
            .heartbeat(let index, let start), .renewed(let index, let start, _),
            .exchanged(let index, let start, _, _), .end(let index, let start, _):
            (index, start)
        case .arrive(let index), .burst(let index): (index, nil)
        default: nil
        }
    }

    // MARK: Calls

    private mutating func arrive(_ index: Int) {
        guard processes[index].isAlive else { return }
        let need = RateAmounts(
            requests: 1,
            tokens: .random(in: self.need, using: &random),
            running: 1
        )
        let standing = processes[index].standing
        if let hold = processes[index].share.admit(need, now: now, standing) {
            return admitted(index, hold, tokens: need.tokens)
        }
        waiters += 1
        let waiter = waiters
        needs[waiter] = (need.tokens, index)
        let deadline = now + .seconds(2)
        change(index) { share, now, _, next in
            share.wait(waiter, for: need, deadline: deadline, now: now, nextSequence: next)
        }
    }

    private mutating func admitted(_ index: Int, _ hold: RateHold, tokens: Int64) {
        let actual = isExact ? tokens : Int64.random(in: 0...tokens, using: &random)
        processes[index].calls.append(calls.count)
        let start = processes[index].start
        schedule(
            .end(index, start: start, call: calls.count),
            after: milliseconds(callMilliseconds)
        )
        calls.append(Call(admittedAt: now, hold: hold, actual: actual, tokens: tokens))
        check()
    }

    private mutating func end(_ index: Int, _ call: Int) {
        let ended = calls[call]
        processes[index].calls.removeAll { $0 == call }
        // One in ten never left: money was refused, or the journal.
        let wasReleased = Int.random(in: 0..<10, using: &random) == 0 && !isExact
        calls[call].wasReleased = wasReleased
        calls[call].tokens = ended.actual
        change(index) { share, now, _, _ in
            wasReleased
                ? share.release(ended.hold, now: now)
                : share.settle(ended.hold, tokens: ended.actual, now: now)
        }
    }

    private mutating func change(
        _ index: Int,
        _ body: (inout RateShare, Moment, RateStanding, () -> Int64) -> [RateAction]
    ) {
        var sequence = processes[index].sequence
        let actions = body(&processes[index].share, now, processes[index].standing) {
            sequence += 1
            return sequence
        }
        processes[index].sequence = sequence
        let start = processes[index].start
        for action in actions {
            switch action {
            case .exchange(let request): send(.exchangeArrives(index, start: start, request))
            case .wake(let moment): schedule(.wake(index, start: start), after: moment - now)
            case .admit(let waiter, let hold):
                if let need = needs.removeValue(forKey: waiter) {
                    admitted(index, hold, tokens: need.tokens)
                }
            case .refuse(let waiter, _):
                needs[waiter] = nil
                refusals += 1
            }
        }
    }

    // MARK: The network

    private mutating func send(_ step: Step) {
        if let index = sender(of: step), processes[index].cutOffUntil > now { return fail(step) }
        let fate = faults.losesMessages ? Int.random(in: 0..<50, using: &random) : 50
        switch fate {
        case 0: fail(step)
        case 1:
            // Its connection broke: it is taken for failed, and arrives much later.
            fail(step)
            schedule(step, after: milliseconds(1_000...20_000))
        case 2:
            schedule(step, after: milliseconds(1...15))
            schedule(step, after: milliseconds(1...5_000))
        default: schedule(step, after: milliseconds(1...15))
        }
    }

    private func sender(of step: Step) -> Int? {
        switch step {
        case .heartbeatArrives(let index, _, _), .renewed(let index, _, _),
            .exchangeArrives(let index, _, _):
            index
        default: nil
        }
    }

    /// What is not answered fails after a while.
    private mutating func fail(_ step: Step) {
        guard case .exchangeArrives(let index, let start, let request) = step else { return }
        let lost = LedgerError(.outcomeUnknown, "lost")
        schedule(.exchanged(index, start: start, request, .failure(lost)), after: .seconds(1))
    }

    private mutating func exchange(_ index: Int, _ start: Int, _ request: RateRequest) {
        exchanges += 1
        let result: Result<RateReply, LedgerError> =
            isAway
            ? .failure(LedgerError(.unavailable, "away")) : model.exchange(request, at: now)
        let wasLost = faults.losesMessages && Int.random(in: 0..<50, using: &random) == 0
        schedule(
            .exchanged(
                index,
                start: start,
                request,
                wasLost ? .failure(LedgerError(.outcomeUnknown, "lost")) : result
            ),
            after: milliseconds(1...15)
        )
    }

    // MARK: Processes

    private mutating func pause() {
        let index = Int.random(in: 0..<processes.count, using: &random)
        let length =
            Bool.random(using: &random) ? milliseconds(1...3_000) : milliseconds(1...300_000)
        processes[index].pausedUntil = max(processes[index].pausedUntil, now + length)
        schedule(.burst(index), after: length)
        schedule(.pause, after: milliseconds(5_000...60_000))
    }

    private mutating func cutOff() {
        let index = Int.random(in: 0..<processes.count, using: &random)
        processes[index].cutOffUntil = now + milliseconds(1...200_000)
        schedule(.cutOff, after: milliseconds(20_000...90_000))
    }

    private mutating func kill() {
        let index = Int.random(in: 0..<processes.count, using: &random)
        schedule(.kill, after: milliseconds(5_000...120_000))
        guard processes[index].isAlive else { return }
        processes[index].isAlive = false
        processes[index].calls = []
        needs = needs.filter { $0.value.process != index }
        schedule(.restart(index), after: milliseconds(10...200_000))
    }

    private mutating func restart(_ index: Int) {
        guard !isAway else { return schedule(.restart(index), after: .seconds(1)) }
        let epoch = model.register(processes[index].instance, at: now)
        let standing = RateStanding(
            instance: processes[index].instance,
            epoch: epoch,
            renewedAt: now
        )
        processes[index].start = Int(epoch)
        processes[index].isAlive = true
        processes[index].pausedUntil = now
        processes[index].standing = standing
        processes[index].share = Self.share(limits, settings, standing, origin, now)
        processes[index].sequence = 0
        schedule(.sweep(index, start: Int(epoch)), after: settings.sweepInterval)
        schedule(.heartbeat(index, start: Int(epoch)), after: .seconds(2))
    }
}
