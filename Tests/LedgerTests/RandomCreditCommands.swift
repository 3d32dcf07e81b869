import Ledger
import LedgerModel
import Schema

@testable import Ledger

/// Commands about caps and grants, and what leases ask of caps.
extension RandomCommands {
    mutating func limit() -> LedgerCommand {
        let account = accounts[number(0...1)]
        var changes = SpendLimitChanges()
        for period in CapPeriod.allCases where chance(40) {
            changes.limits[period] = .some(chance(80) ? amount(0...120) : nil)
        }
        let scopes = scopes[account] ?? []
        return .limit(account, scopes[number(0...(scopes.count - 1))], changes)
    }

    mutating func grant() -> LedgerCommand {
        let now = advanceClock()
        let grant = CreditGranted(
            grant: .make(at: now),
            kind: chance(50) ? .paid : .promotional,
            amount: amount(1...150),
            reference: nil,
            priority: Int32(number(0...2)),
            expiresAt: chance(80) ? now.adding(seconds: Int64(number(1...600))) : nil
        )
        return .grant(accounts[number(0...1)], grant, .make(at: now), now)
    }

    mutating func advanceClock() -> Instant {
        clock = clock.adding(seconds: Int64(number(0...250)))
        return clock
    }

    /// An instant of admission: mostly today, sometimes of another day or month.
    mutating func admission() -> Instant {
        Instant.sample.adding(seconds: chance(70) ? 0 : Int64(number(-40...0)) * 86_400)
    }

    mutating func needs(of account: AccountID) -> [CappedNeed] {
        var needs: [CappedNeed] = []
        for _ in 0..<number(1...2) {
            let least = amount(0...15)
            var parts: [CappedNeed.Part] = []
            for scope in scopes[account] ?? [] where chance(70) {
                let least = amount(0...15)
                parts.append(
                    CappedNeed.Part(scope: scope, want: least + amount(0...25), least: least)
                )
            }
            needs.append(
                CappedNeed(
                    at: admission(),
                    want: least + amount(chance(2) ? -2...0 : 0...25),
                    least: least,
                    parts: parts
                )
            )
        }
        return needs
    }

    mutating func returns(of lease: LeaseID, _ account: AccountID) -> [CapReturn] {
        var returns: [CapReturn] = []
        for (day, part) in parts(of: lease, account) where chance(50) {
            let most = Int(clamping: part.remaining.units) + (chance(5) ? 10 : 0)
            returns.append(CapReturn(day: day, amount: amount(0...most)))
        }
        return returns
    }

    mutating func remainders(of lease: LeaseID, _ account: AccountID) -> [CapRemainder] {
        var remainders: [CapRemainder] = []
        for (day, _) in parts(of: lease, account) where chance(80) {
            remainders.append(CapRemainder(day: day, amount: amount(0...60)))
        }
        let today = ModelCaps.Day(covering: admission()).startsAt
        for scope in scopes[account] ?? [] where chance(20) {
            let day = CapDay(scope: scope, startsAt: today)
            if remainders.contains(where: { $0.day == day }) { continue }
            remainders.append(CapRemainder(day: day, amount: amount(0...60)))
        }
        return remainders
    }

    private func parts(
        of lease: LeaseID,
        _ account: AccountID
    ) -> [(key: CapDay, value: ModelCaps.Lease)] {
        (database.accounts[account]?.caps.leases[lease] ?? [:]).sorted {
            ($0.key.scope.id, $0.key.startsAt) < ($1.key.scope.id, $1.key.startsAt)
        }
    }
}
