import Journal
import Ledger
import LedgerModel
import Schema

/// How a process becomes the one that owns its instance.
extension World {
    func start(_ host: HostID) {
        guard hosts[host].process == nil, !hosts[host].isRefused else { return }
        disturbedAt = now
        statistics.starts += 1
        let disk = hosts[host].disk
        let process = Process(
            id: processes.count,
            host: host,
            disk: disk,
            drift: hosts[host].drift,
            index: disks[disk].opened(),
            books: accounts.count
        )
        processes.append(process)
        hosts[host].process = process.id
        learnLimits(process)
        note("host \(host): process \(process.id) starts, \(disks[disk].unshippedCount) unshipped")
        // The shipper needs no identity: what was settled is shipped whoever owns the leases.
        schedule(.ship, on: process, within: .milliseconds(50))
        process.freshNonce = Nonce(high: dice.word(), low: dice.word())
        let known = disks[disk].registrations.registration
        process.epochKnown = known.epoch ?? 0
        process.candidates = known.expectedNonces.map { nonce in
            nonce.map { Nonce(high: $0.high, low: $0.low) }
        }
        disks[disk].registrations.add(process.freshNonce.inJournal)
        schedule(.tryNonce(0), on: process, within: .milliseconds(20))
    }

    func tryNonce(_ process: Process, _ index: Int) {
        guard process.candidates.indices.contains(index) else {
            note("process \(process.id): its journal is refused")
            process.phase = .refused
            hosts[process.host].isRefused = true
            // Its calls without an end are for a person to look at.
            for call in calls
            where call.disk == process.disk && (!call.isEnded || plan.failsOver) {
                call.isForgiven = true
            }
            return schedule(.lookDrained, on: process, within: .seconds(1))
        }
        process.candidates.removeFirst(index)
        process.registeredFrom = process.clock(now)
        process.registerToken = send(.register(expected: process.candidates[0]), from: process)
    }

    func registered(_ process: Process, _ result: Result<InstanceIdentity, LedgerError>) {
        switch result {
        case .success(let identity):
            begin(process, identity)
        case .failure(let error):
            if error.code == .journalCopied {
                return schedule(.tryNonce(1), on: process, within: .milliseconds(5))
            }
            // The start fails, and its supervisor tries another.
            note("process \(process.id): cannot register: \(error.code)")
            crash(process.host)
        }
    }

    private func begin(_ process: Process, _ identity: InstanceIdentity) {
        note("process \(process.id): epoch \(identity.epoch)")
        do throws(JournalError) {
            try disks[process.disk].registrations.confirm(
                process.freshNonce.inJournal,
                epoch: identity.epoch
            )
        } catch {
            fail("a nonce that the database took is not in the journal")
        }
        process.tenure = EscrowTenure(
            identity: identity,
            validUntil: process.registeredFrom + plan.settings.validity
        )
        recover(process)
        schedule(.sweep, on: process, within: Moment(plan.settings.sweepInterval))
        schedule(.heartbeat, on: process, within: Moment(plan.settings.heartbeatInterval))
        schedule(.retryLate, on: process, within: .milliseconds(500))
        schedule(.project, on: process, within: .milliseconds(200))
        schedule(.closeLost, on: process, within: Moment(plan.settings.lostLeaseInterval))
        if mutation == .closesBeforeShipping {
            schedule(.closeEarlier, on: process, within: .milliseconds(1))
        }
        lookShipped(process)
    }

    /// Ends the calls that an earlier process left without an end.
    private func recover(_ process: Process) {
        if mutation == .forgetsInterrupted { return }
        let now = wallClock(of: process)
        let unreadable = disks[process.disk].recover(&process.index, at: now)
        if unreadable > 0 { fail("\(unreadable) drafts cannot be read") }
        schedule(.ship, on: process, within: .milliseconds(10))
    }

    /// Once everything of earlier epochs is shipped, their leases are closed.
    func lookShipped(_ process: Process) {
        guard process.phase == .starting, process.tenure != nil,
            disks[process.disk].unshippedCount == 0, !process.isShipping
        else { return }
        process.closeToken = send(.closeEarlier, from: process)
    }

    func closedEarlier(_ process: Process, _ result: Result<Int, LedgerError>) {
        guard process.phase == .starting else { return }
        switch result {
        case .success(let count):
            note("process \(process.id): serves, closed \(count) leases of earlier epochs")
            process.phase = .serving
            disturbedAt = now
        case .failure(let error) where error.code == .failedOver:
            // The next heartbeat finds out too, and rejoins.
            schedule(.closeEarlier, on: process, within: Moment(plan.settings.backoffMin))
        case .failure(let error):
            note("process \(process.id): cannot start: \(error.code)")
            crash(process.host)
        }
    }

    /// Asks a process to drain and end; the next one starts later.
    func stop(_ host: HostID) {
        guard let id = hosts[host].process, processes[id].phase == .serving else { return }
        note("host \(host): process \(id) is asked to stop")
        let process = processes[id]
        process.phase = .stopping
        process.stopDeadline = now + .seconds(10)
        schedule(.lookDrained, on: process, within: .milliseconds(50))
    }

    /// First the calls, then the leases, then the journal; at the deadline whatever is left stays.
    func lookDrained(_ process: Process) {
        if process.phase == .stopping, process.runningCount == 0, process.waits.isEmpty {
            process.phase = .draining
            process.tenure?.phase = .draining
        }
        if process.phase == .draining { sweepBooks(process) }
        let isClosed = process.books.allSatisfy { $0?.value.isClosed ?? true }
        let isShipped = disks[process.disk].unshippedCount == 0 && process.late.isEmpty
        let isDone =
            switch process.phase {
            case .draining: isClosed && isShipped
            case .refused: isShipped
            default: false
            }
        if isDone || (process.phase != .refused && now > process.stopDeadline) {
            note("process \(process.id): ends, \(isDone ? "drained" : "not drained")")
            end(process)
            return agenda.add(.start(process.host), at: after(.seconds(3)))
        }
        agenda.add(.local(process.id, .lookDrained), at: now + .milliseconds(50))
    }

    func schedule(_ step: LocalStep, on process: Process, within most: Moment) {
        agenda.add(.local(process.id, step), at: after(most))
    }

    func wallClock(of process: Process) -> Instant {
        Instant(microseconds: Self.wallOrigin + now + hosts[process.host].wallOffset)
    }
}

extension Nonce {
    var inJournal: RegistrationNonce { RegistrationNonce(high: high, low: low) }
}
