import Ledger
import Schema

extension World {
    /// Spreads what the plan holds over the active time, and sets when all faults end.
    func schedule() {
        for host in hosts.indices { agenda.add(.start(host), at: after(.milliseconds(500))) }
        scheduleArrivals()
        func host() -> HostID { dice.number(0...(plan.hostCount - 1)) }
        func some(_ count: Int, _ step: () -> Step) {
            for _ in 0..<count { agenda.add(step(), at: after(plan.activeTime)) }
        }
        some(plan.crashes) { .fault(.crash(host())) }
        some(plan.pauses) {
            .fault(.pause(host(), .milliseconds(Int64(dice.number(200...15_000)))))
        }
        some(plan.outages) { .fault(.outage(isOver: false)) }
        some(plan.fullDisks) { .fault(.diskFull(host(), isOver: false)) }
        some(plan.destroyedJournals) { .fault(.destroyJournal(host())) }
        some(plan.copiedJournals) { .fault(.copyJournal(host())) }
        some(plan.clockSteps) {
            let step = Int64(dice.number(-7_200...7_200)) * 1_000_000
            // A server that is set forward by more than silence may last takes the living for lost:
            // what that costs is the operator's, and no rule says how much.
            let isServer = dice.chance(50) && !plan.releasesSoon
            // Three of these, and their mending, are less than the default silence.
            return .fault(
                isServer
                    ? .stepClock(nil, min(max(step, -400_000_000), 400_000_000))
                    : .stepClock(host(), step)
            )
        }
        some(plan.restarts) { .stop(host()) }
        if plan.failsOver {
            let lag = after(plan.activeTime * 2 / 3)
            agenda.add(.fault(.lagStandby), at: lag)
            agenda.add(.fault(.failOver), at: lag + dice.delay(upTo: .seconds(2)))
        }
        scheduleCredit()
        agenda.add(.heal, at: plan.activeTime)
    }

    /// Arrivals come in bursts, so that credit lies idle between them.
    private func scheduleArrivals() {
        var left = plan.arrivals
        while left > 0 {
            let burst = min(left, dice.number(1...30))
            let start = dice.delay(upTo: plan.activeTime)
            let length = dice.delay(upTo: .milliseconds(Int64(dice.number(50...3_000))))
            for _ in 0..<burst { agenda.add(.arrive, at: start + dice.delay(upTo: length)) }
            left -= burst
        }
    }

    private func scheduleCredit() {
        func account() -> Int { dice.number(0...(accounts.count - 1)) }
        func amount() -> Int128 { Self.unit * Int128(dice.number(1...120)) }
        for _ in 0..<plan.grants {
            agenda.add(
                .credit(.grant(accountIndex: account(), amount())),
                at: after(plan.activeTime)
            )
        }
        for _ in 0..<plan.forcedMoves {
            let move: CreditMove =
                dice.chance(60)
                ? .adjust(accountIndex: account(), -amount())
                : .limit(accountIndex: account(), dice.chance(50) ? 0 : amount())
            agenda.add(.credit(move), at: after(plan.activeTime))
        }
        for _ in 0..<plan.suspensions {
            agenda.add(.credit(.suspend(accountIndex: account(), true)), at: after(plan.activeTime))
        }
        for _ in 0..<plan.endingGrants {
            let move = CreditMove.grantEnding(
                accountIndex: account(),
                amount(),
                lasting: dice.delay(upTo: .seconds(4))
            )
            agenda.add(.credit(move), at: after(plan.activeTime))
        }
        for _ in 0..<plan.voids {
            agenda.add(.credit(.void(accountIndex: account())), at: after(plan.activeTime))
        }
        for _ in 0..<plan.closes {
            agenda.add(.credit(.closeMonth(accountIndex: account())), at: after(plan.activeTime))
        }
        for _ in 0..<plan.capMoves {
            agenda.add(.credit(.limitSpending(accountIndex: account())), at: after(plan.activeTime))
        }
        if plan.endingGrants > 0 { agenda.add(.credit(.settleDue), at: after(.seconds(1))) }
    }

    func perform(_ step: Step) {
        switch step {
        case .arrive: arrive()
        case .cancel(let process, let waiter): cancel(processes[process], waiter)
        case .credit(let move): perform(move)
        case .start(let host): start(host)
        case .stop(let host): stop(host)
        case .fault(let fault): perform(fault)
        case .heal: heal()
        case .probe: probe()
        case .end: break
        case .local(let id, let local): perform(local, on: processes[id])
        case .deliver(let message): deliver(message)
        }
    }

    private func perform(_ local: LocalStep, on process: Process) {
        guard process.phase != .dead else { return }
        if now < process.pausedUntil {
            return agenda.add(.local(process.id, local), at: process.pausedUntil)
        }
        switch local {
        case .wake(let account, let moment): wake(process, account, armedFor: moment)
        case .sweep: sweep(process)
        case .heartbeat: heartbeat(process)
        case .tryNonce(let index): tryNonce(process, index)
        case .write(let write): perform(write, by: process)
        case .entered(let call, let succeeded): entered(process, calls[call], succeeded)
        case .upstreamEnds(let call): upstreamEnds(process, calls[call])
        case .settled(let call, let succeeded): settled(process, calls[call], succeeded)
        case .ship: ship(process)
        case .marked: marked(process)
        case .shipNext: shipNext(process)
        case .retryLate: retryLate(process)
        case .closeEarlier: process.closeToken = send(.closeEarlier, from: process)
        case .closeLost: closeLost(process)
        case .reoffer: reoffer(process)
        case .lookDrained: lookDrained(process)
        case .reply(let message, let reply): take(reply, to: message, process)
        case .recalled(let account): recalled(process, account)
        case .learnLimits: learnLimits(process)
        case .project: project(process)
        }
    }
}
