import Ledger
import LedgerModel
import Schema

/// What must hold of grants and their end.
extension World {
    /// I1: the balance is what the grants have left, less what is unpaid, and nothing that was
    /// granted is lost; what ends is reserved, or gone.
    func checkGrants(_ index: Int, _ account: ModelDatabase.Account) {
        let burnDown = database.burnDown(of: accounts[index])
        if burnDown.balance != account.head.balance {
            fail("I1: the balance is \(account.head.balance), the grants say \(burnDown.balance)")
        }
        let totals = burnDown.totals
        let accounted = burnDown.rest + totals.burned + totals.expired + totals.voided
        if totals.granted != accounted {
            fail("I1: \(totals.granted) was granted, and \(accounted) is accounted for")
        }
        let kept = account.grants.values.reduce(Pico.zero) { $0 + $1.kept }
        let parked = account.parked.reduce(Pico.zero) { $0 + $1.reserved }
        if account.head.reserved != kept + parked {
            fail("I6: reserved is \(account.head.reserved), kept is \(kept), parked \(parked)")
        }
        for (grant, row) in account.grants where row.closedAt != nil {
            let rest = burnDown.rest(of: grant)
            if rest > .zero { fail("I1: the grant \(grant) has ended, and \(rest) is left of it") }
        }
    }

    /// A grant whose time is over is withdrawn to its end, when nothing is held any more.
    func checkEndedGrants(_ index: Int) {
        guard let account = database.accounts[accounts[index]],
            account.head.escrowed == .zero, account.head.overdrawn == .zero,
            account.parked.allSatisfy({ $0.reserved == .zero })
        else { return }
        for (grant, row) in account.grants where row.closedAt == nil {
            guard let end = row.endsAt, end < serverClock else { continue }
            fail("the grant \(grant) ended at \(end), and \(row.kept) of it is still kept")
        }
    }
}
