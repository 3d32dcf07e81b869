import Ledger
import LedgerModel
import Schema

extension World {
    /// Looks at all that a step can have changed: a process reaches the others, and the database,
    /// by messages alone.
    func check(after step: Step) {
        if case .local(let id, _) = step {
            let process = processes[id]
            if hosts[process.host].process == id { check(process) }
        } else {
            if step.reachesDatabase { checkDatabase() }
            for case let id? in hosts.map(\.process) { check(processes[id]) }
        }
        checkRest()
    }

    /// What must hold of the database after every step that may have changed it.
    func checkDatabase() {
        for index in accounts.indices { checkAccount(index) }
    }

    private func check(_ process: Process) {
        checkBooks(process)
        checkWaits(process)
    }

    /// No instance believes in more than the database has set aside for it.
    private func checkBooks(_ process: Process) {
        // Until it is reclaimed, a database that lost its tail may know less of a lease.
        if database.incarnation != .sole { return }
        for index in accounts.indices {
            guard let figures = process.books[index]?.value.leaseFigures else { continue }
            if figures.available < .zero { fail("process \(process.id): more held than leased") }
            let lease = database.accounts[accounts[index]]?.leases[figures.lease]
            if lease?.row.isOpen == false { continue }
            let remaining = lease?.row.remaining ?? .zero
            checkCapClaims(processes[process.id], index, figures.lease)
            let claimed = figures.available + process.outstanding[figures.lease, default: .zero]
            if claimed > remaining {
                fail(
                    "I3: process \(process.id) claims \(claimed) of a lease that has"
                        + " \(remaining)"
                )
            }
        }
    }

    /// Whoever is admitted holds money that is set aside for nobody else.
    func checkAdmission(_ process: Process, _ hold: EscrowHold, _ index: Int) {
        if let identity = process.tenure?.identity,
            let current = database.instances[identity.instance], current.epoch > identity.epoch,
            now - (registeredAt[identity.instance] ?? now) > Moment(plan.settings.validity) * 11
                / 10
        {
            fail("process \(process.id) admits long after another took its identity")
        }
        guard let lease = hold.lease else { return }
        let row = database.accounts[accounts[index]]?.leases[lease]?.row
        if row?.isOpen != true, !plan.mayExceed {
            fail("I3: process \(process.id) admits on a lease that is closed")
        }
    }

    /// A lease of an earlier epoch is closed only when every charge of it is in the ledger.
    func checkShipped(before identity: InstanceIdentity, _ process: Process) {
        // A request that the database refuses closes nothing; and when it is another one, what it
        // has lost is offered again only by what it has taken as shipped.
        guard !copiedDisks.contains(process.disk), identity.incarnation == database.incarnation,
            database.incarnation == .sole
        else { return }
        for call in calls
        where call.disk == process.disk && call.isEnded && !call.isAppended && !call.isForgiven {
            guard let lease = call.hold.lease,
                let row = database.accounts[accounts[call.accountIndex]]?.leases[lease],
                row.row.isOpen, row.epoch < identity.epoch
            else { continue }
            fail("I3: the lease of call \(call.id) is closed before its charge has come")
        }
    }

    // MARK: Waiting and refusing

    /// What neither calls nor other instances hold, for this process to take.
    func free(_ index: Int, for process: Process, _ caller: Caller) -> Pico {
        let head = head(index)
        // While it is blocked an account may not even spend what is leased.
        if head.isSuspended || head.overdrawn > .zero { return .zero }
        let free = head.available + (process.books[index]?.value.leaseFigures?.available ?? .zero)
        return min(free, freeOfCaps(index, for: process, caller))
    }

    private func checkWaits(_ process: Process) {
        // Many wait for the same money.
        var there: [(wait: Wait, figures: Wait.Figures)] = []
        for (waiter, wait) in process.waits {
            let known = there.first { $0.wait.awaitsTheSame(as: wait) }?.figures
            let figures = known ?? self.figures(of: wait, process)
            if known == nil { there.append((wait, figures)) }
            // Most steps bring no news, and writing while reading copies all of them.
            var seen = wait
            if seen.note(figures) { process.waits[waiter] = seen }
            if now > max(wait.deadlineMoment, process.pausedUntil) + .milliseconds(1) {
                fail("process \(process.id): waiter \(waiter) is never answered")
            }
        }
    }

    private func figures(of wait: Wait, _ process: Process) -> Wait.Figures {
        Wait.Figures(
            coverable: coverable(wait.accountIndex),
            capCoverable: coverable(wait.accountIndex, wait.caller),
            free: free(wait.accountIndex, for: process, wait.caller),
            isSuspended: head(wait.accountIndex).isSuspended
        )
    }

    /// Whether a refusal is true.
    func judge(_ refusal: EscrowRefusal, of wait: Wait, _ process: Process) {
        statistics.refusals[refusal.reason.name, default: 0] += 1
        note("process \(process.id): refused, \(refusal)")
        if wait.mustHold {
            return fail("I9: nothing runs, and \(wait.want) is refused: \(refusal)")
        }
        let freeMin = min(wait.freeMin, free(wait.accountIndex, for: process, wait.caller))
        switch refusal.reason {
        case .insufficient:
            let capCoverableMin = min(
                wait.capCoverableMin,
                coverable(wait.accountIndex, wait.caller)
            )
            if refusal.cap != nil, capCoverableMin >= wait.least {
                fail("a false 402: \(refusal), and its caps could cover it all the time")
            }
            let coverableMin = min(wait.coverableMin, coverable(wait.accountIndex))
            if refusal.cap == nil, coverableMin >= wait.least {
                fail("a false 402: \(refusal), and \(coverableMin) was there all the time")
            }
        case .suspended:
            if !wait.wasSuspended, !head(wait.accountIndex).isSuspended { fail("a false 403") }
        case .tiedUp:
            if process.clock(now) < wait.deadline { fail("a 429 before its time: \(refusal)") }
            if plan.isAnswered, plan.capMoves == 0, wait.isFirst, freeMin >= wait.least,
                !process.wasPaused
            {
                fail("a false 429: \(refusal), and \(freeMin) was free all the time")
            }
        case .unavailable:
            if plan.isAnswered, !process.wasPaused, process.tenure?.phase == .serving {
                fail("a 503, and the database answers")
            }
        case .cancelled:
            break
        }
    }

    // MARK: Rest

    /// I9: credit that nobody uses is free again.
    private func checkRest() {
        let quietSince = max(disturbedAt, pausedUntil)
        guard now - quietSince > .seconds(11), isHealed || plan.isAnswered, !isAway else { return }
        statistics.quietChecks += 1
        for index in accounts.indices {
            let escrowed = head(index).escrowed - orphaned(index)
            if escrowed > .zero {
                fail("I9: nothing has happened for 11 s, and \(escrowed) is still set aside")
            }
            checkCapsAtRest(index)
        }
    }

    /// I9: what the dead had is free again, when anybody lives to release it.
    func checkReleased(_ index: Int) {
        let isWatched = hosts.contains { $0.process.map { processes[$0].isServing } ?? false }
        guard plan.releasesSoon, isWatched, !database.isLearning else { return }
        let lost = orphaned(index)
        if lost > .zero { fail("I9: \(lost) of instances that are dead is still set aside") }
    }

    /// What open leases have that no process speaks for.
    func orphaned(_ index: Int) -> Pico {
        let leases = database.accounts[accounts[index]]?.leases ?? [:]
        return leases.values.reduce(Pico.zero) { sum, lease in
            lease.row.isOpen && !isSpokenFor(lease) ? sum + lease.row.remaining : sum
        }
    }

    func isSpokenFor(_ lease: ModelDatabase.Lease) -> Bool {
        hosts.contains { host in
            guard let tenure = host.process.flatMap({ processes[$0].tenure }),
                tenure.phase != .superseded
            else { return false }
            return tenure.identity.instance == lease.instance
                && tenure.identity.epoch == lease.epoch
        }
    }
}

extension EscrowRefusal.Reason {
    var name: String {
        switch self {
        case .insufficient: "insufficient"
        case .tiedUp: "tied up"
        case .unavailable: "unavailable"
        case .suspended: "suspended"
        case .cancelled: "cancelled"
        }
    }
}
