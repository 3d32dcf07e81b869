import Ingress
import Journal
import Ledger
import Schema

/// What the journal's thread does for calls.
extension World {
    func perform(_ write: JournalWrite, by process: Process) {
        switch write {
        case .enter(let id):
            let succeeded = enter(calls[id], process)
            schedule(.entered(id, succeeded: succeeded), on: process, within: .milliseconds(2))
        case .settle(let id):
            if mutation == .answersBeforeEnd { deliver(calls[id]) }
            let succeeded = settle(calls[id], process)
            schedule(.settled(id, succeeded: succeeded), on: process, within: .milliseconds(20))
        case .mark:
            if let shipment = process.shipment {
                disks[process.disk].markShipped(shipment.entries)
            }
            schedule(.marked, on: process, within: .milliseconds(2))
        }
    }

    private func enter(_ call: Call, _ process: Process) -> Bool {
        if hosts[process.host].isDiskFull { return false }
        do throws(JournalError) {
            try disks[process.disk].enter(
                call.draft(of: accounts[call.accountIndex]),
                &process.index
            )
        } catch {
            fail("call \(call.id): its draft is refused: \(error.code)")
        }
        call.isJournalled = true
        return true
    }

    private func settle(_ call: Call, _ process: Process) -> Bool {
        // The reserve is for those that run, but it may be used up as well.
        if hosts[process.host].isDiskFull, dice.chance(30) { return false }
        let charge = mutation == .chargesBeyondHold ? call.truth : call.charge
        do throws(JournalError) {
            try disks[process.disk].settle(
                call.ending(
                    of: accounts[call.accountIndex],
                    at: wallClock(of: process),
                    charge: charge
                ),
                &process.index
            )
        } catch {
            fail("call \(call.id): its end is refused: \(error.code)")
        }
        call.isEnded = true
        schedule(.ship, on: process, within: .milliseconds(5))
        return true
    }

    func retryLate(_ process: Process) {
        for id in process.late where settle(calls[id], process) {
            process.late.removeAll { $0 == id }
        }
        agenda.add(.local(process.id, .retryLate), at: now + .milliseconds(500))
    }
}
