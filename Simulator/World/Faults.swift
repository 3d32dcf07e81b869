import Journal
import Ledger
import LedgerModel
import Schema

extension World {
    func perform(_ fault: Fault) {
        disturbedAt = now
        switch fault {
        case .crash(let host): crash(host)
        case .pause(let host, let length): pause(host, length)
        case .outage(let isOver):
            note(isOver ? "the database is back" : "the database goes away")
            isAway = !isOver
            if !isOver { agenda.add(.fault(.outage(isOver: true)), at: after(plan.outageMax)) }
        case .diskFull(let host, let isOver):
            note("host \(host): the disk \(isOver ? "has room again" : "is full")")
            hosts[host].isDiskFull = !isOver
            if !isOver {
                agenda.add(.fault(.diskFull(host, isOver: true)), at: after(.seconds(3)))
            }
        case .destroyJournal(let host): destroyJournal(host)
        case .copyJournal(let host): copyJournal(host)
        case .lagStandby:
            note("the standby falls behind")
            standby = database
        case .failOver: failOver()
        case .stepClock(let host, let step):
            note("\(host.map { "host \($0)" } ?? "the server"): the clock steps by \(step) µs")
            if let host { hosts[host].wallOffset += step } else { databaseClockOffset += step }
        }
    }

    /// kill -9; a supervisor starts the next process.
    func crash(_ host: HostID, restartWithin delay: Moment = .seconds(3)) {
        guard let id = hosts[host].process else { return }
        note("host \(host): process \(id) is killed")
        end(processes[id])
        agenda.add(.start(host), at: after(delay))
    }

    /// Ends a process: whoever waits for it hears nothing more.
    func end(_ process: Process) {
        process.phase = .dead
        process.waits.removeAll()
        hosts[process.host].process = nil
        disturbedAt = now
    }

    private func pause(_ host: HostID, _ length: Moment) {
        guard let id = hosts[host].process else { return }
        note("host \(host): process \(id) is stopped for \(length) µs")
        processes[id].pausedUntil = max(processes[id].pausedUntil, now + length)
        processes[id].wasPaused = true
    }

    /// The disk is lost, and with it every call that the ledger does not know.
    private func destroyJournal(_ host: HostID) {
        crash(host)
        note("host \(host): the journal is destroyed")
        let disk = hosts[host].disk
        for call in calls where call.disk == disk { call.isForgiven = true }
        disks.append(JournalFile(instance: makeID()))
        hosts[host].disk = disks.count - 1
        hosts[host].isRefused = false
    }

    /// A machine is cloned: two processes have the same journal, and one of them must yield.
    private func copyJournal(_ host: HostID) {
        let original = hosts[host].disk
        note("host \(host): the journal is copied to host \(hosts.count)")
        // Whichever of the two is refused keeps calls that only a person can end.
        for call in calls where call.disk == original && !call.isEnded { call.isForgiven = true }
        copiedDisks.insert(original)
        disks.append(disks[original])
        copiedDisks.insert(disks.count - 1)
        hosts.append(Host(disk: disks.count - 1, drift: hosts[host].drift))
        agenda.add(.start(hosts.count - 1), at: after(.seconds(4)))
    }

    /// Faults end; what is down comes up; running calls end and credit comes home.
    func heal() {
        note("all faults end")
        isHealed = true
        disturbedAt = now
        isAway = false
        databaseClockOffset = 0
        for host in hosts.indices {
            hosts[host].isDiskFull = false
            hosts[host].wallOffset = 0
            if hosts[host].process == nil {
                agenda.add(.start(host), at: after(.milliseconds(200)))
            }
        }
        for index in accounts.indices { database.setSuspended(false, accounts[index]) }
        agenda.add(.probe, at: max(now, pausedUntil) + restTime)
    }

    /// Until everything that ran has ended, idle credit has been given back, and what the dead
    /// had has been released.
    private var restTime: Moment { plan.failsOver ? .seconds(32) : .seconds(18) }

    /// When the last stopped process goes on.
    var pausedUntil: Moment {
        hosts.reduce(0) { last, host in
            max(last, host.process.map { processes[$0].pausedUntil } ?? 0)
        }
    }

    /// Every host asks for all that an account has: nothing may be missing.
    func probe() {
        var moment = now
        for (index, account) in accounts.enumerated() {
            guard let head = database.accounts[account]?.head else { continue }
            let all = head.balance + head.creditLimit - head.reserved - orphaned(index)
            note("account \(index): \(all) must be there for the asking")
            checkReleased(index)
            if database.isLearning { continue }
            guard all > .zero, head.overdrawn == .zero else { continue }
            for host in hosts.indices {
                guard let id = hosts[host].process, processes[id].isServing else { continue }
                arrive(
                    processes[id],
                    index,
                    want: all,
                    least: all,
                    truth: .zero,
                    caller: Caller(
                        key: KeyID(high: 9, low: 9),
                        project: ProjectID(high: 9, low: 9),
                        admittedAt: wallClock(of: processes[id])
                    ),
                    mustHold: true
                )
                moment += .seconds(12)
                break
            }
        }
        agenda.add(.end, at: moment + .seconds(12))
    }
}
