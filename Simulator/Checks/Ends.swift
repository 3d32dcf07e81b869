import Ledger
import LedgerModel
import Schema

extension World {
    /// When everything has come to rest: each call has its one event, and nothing is held.
    func checkEnd() {
        for call in calls { checkEnd(of: call) }
        for index in accounts.indices { checkEndedGrants(index) }
        checkProjectionsAtEnd()
        for host in hosts {
            guard let id = host.process else { continue }
            let process = processes[id]
            if !process.waits.isEmpty { fail("process \(id): somebody still waits") }
            if process.runningCount > 0 { fail("process \(id): calls still run") }
            for book in process.books {
                guard let holdings = book?.value.holdings, holdings.holdCount > 0 else { continue }
                fail("process \(id): \(holdings.held) is held at the end")
            }
        }
    }

    private func checkEnd(of call: Call) {
        guard call.hasLeft || call.isJournalled, !call.isForgiven else { return }
        if call.hasLeft, !call.isJournalled {
            return fail("I4: call \(call.id) reached its upstream and no journal knew of it")
        }
        if !call.isAppended { fail("I4: call \(call.id) has no event") }
    }
}
