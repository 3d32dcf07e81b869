import Ledger
import LedgerModel
import Schema

/// What must hold of the projection that the processes follow together.
extension World {
    /// I6: its rows are what the events up to its checkpoint come to.
    func checkProjection(_ index: Int, _ account: ModelDatabase.Account) {
        let row = account.projection
        guard streams[index].usage.indices.contains(Int(row.version)) else {
            return fail("I6: the projection stands at \(row.version), beyond the stream")
        }
        let usage = streams[index].usage[Int(row.version)]
        if row.calls != usage.calls || row.charged != usage.charged {
            fail(
                "I6: at version \(row.version) the projection has \(row.calls) calls and"
                    + " \(row.charged), the events \(usage.calls) and \(usage.charged)"
            )
        }
        if row.stoppedAt != nil, poison?.account != accounts[index] {
            fail("I6: the projection of account \(index) is stopped for nothing")
        }
    }

    /// Everything has been taken in, but for what stands behind an event that cannot be.
    func checkProjectionsAtEnd() {
        guard hosts.contains(where: { $0.process.map { processes[$0].isServing } ?? false })
        else { return }
        for index in accounts.indices {
            guard let account = database.accounts[accounts[index]] else { continue }
            var wanted = account.head.version
            if let poison, poison.account == accounts[index] {
                wanted = min(wanted, poison.version - 1)
            }
            if account.projection.version != wanted {
                fail("the projection stands at \(account.projection.version), not at \(wanted)")
            }
        }
    }
}
