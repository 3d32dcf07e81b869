import Ingress
import Ledger
import LedgerModel
import Schema

/// Leases that others have lost, and a database that has lost its last commits.
extension World {
    /// A standby without the last commits takes over.
    func failOver() {
        note("the standby takes over")
        database.now = serverClock
        database.promote(standby ?? database)
        standby = nil
        // A suspension whose end was lost is ended again by whoever ended it.
        if isHealed { for account in accounts { database.setSuspended(false, account) } }
        // What the ledger has is read anew, from the beginning.
        for process in processes {
            process.outstanding.removeAll()
            process.capsOutstanding.removeAll()
            schedule(.learnLimits, on: process, within: .seconds(1))
        }
        for call in calls {
            // Of an overtaken process only a person can offer them again.
            if call.isAppended, copiedDisks.contains(call.disk) { call.isForgiven = true }
            call.isAppended = false
            let due = call.isSettled ? call.charge : call.hold.amount
            processes[call.process].owe(due, on: call.hold.lease, by: call.caller)
        }
        for index in accounts.indices { streams[index] = StreamWatch() }
    }

    /// Offers all events again, then the instance and its leases.
    func reoffer(_ process: Process) {
        guard process.tenure?.phase != .superseded else { return }
        // What the lost part has acknowledged must be marked by then, or nobody offers it again.
        if process.isShipping, mutation != .marksAfterReoffer {
            return schedule(.reoffer, on: process, within: .milliseconds(50))
        }
        process.isReoffering = true
        do {
            send(.reoffer(try Shipment(disks[process.disk].shipped)), from: process)
        } catch {
            fail("an entry cannot be read: \(error)")
        }
    }

    func reoffered(_ process: Process, _ result: Result<[AppendOutcome], LedgerError>) {
        process.isReoffering = false
        schedule(.ship, on: process, within: .milliseconds(5))
        guard let identity = process.tenure?.identity else { return }
        guard case .success = result else { return tryReoffer(process) }
        let request = RejoinRequest(
            identity: identity,
            label: "simulated",
            keeping: process.books.compactMap { $0?.value.leaseFigures?.lease }
        )
        send(.rejoin(request, sentAt: process.clock(now)), from: process)
    }

    func rejoined(
        _ process: Process,
        _ result: Result<InstanceIdentity, LedgerError>,
        sentAt: ContinuousClock.Instant
    ) {
        disturbedAt = now
        switch result {
        case .success(let identity):
            note("process \(process.id): rejoined")
            process.tenure?.identity = identity
            process.tenure?.renew(until: sentAt + plan.settings.validity, now: process.clock(now))
            process.tenure?.lapses += 1
            sweepBooks(process)
            agenda.add(
                .local(process.id, .heartbeat),
                at: now + Moment(plan.settings.heartbeatInterval)
            )
        case .failure(let error) where error.code == .superseded: supersede(process)
        case .failure: tryReoffer(process)
        }
    }

    private func tryReoffer(_ process: Process) {
        schedule(.reoffer, on: process, within: Moment(plan.settings.backoffMax))
    }

    /// Every instance looks for leases that others have lost.
    func closeLost(_ process: Process) {
        if let identity = process.tenure?.identity { send(.closeLost(identity), from: process) }
        agenda.add(
            .local(process.id, .closeLost),
            at: now + Moment(plan.settings.lostLeaseInterval)
        )
    }

    func closeLost(_ identity: InstanceIdentity) -> Result<Int, LedgerError> {
        let result = attempt { database throws(LedgerError) in
            try database.closeLost(asHeard: identity) { makeID() }
        }
        switch result {
        case .success(let events):
            for event in events { commands.insert(event.id) }
            return .success(events.count)
        case .failure(let error): return .failure(error)
        }
    }
}
