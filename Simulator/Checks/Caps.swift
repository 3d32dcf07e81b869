import Ledger
import LedgerModel
import Schema

/// What must hold of spend caps after every step.
extension World {
    /// The windows of the caps that a caller brought, as the database has them.
    func capWindows(_ index: Int, _ caller: Caller) -> [CapFigures.Window] {
        caller.caps.flatMap { cap in
            database.capFigures(of: cap.scope, at: caller.admittedAt, in: accounts[index])?
                .windows ?? []
        }
    }

    /// What of a caller's caps nobody has set aside, or this process's lease has free.
    func freeOfCaps(_ index: Int, for process: Process, _ caller: Caller) -> Pico {
        if caller.caps.isEmpty { return .balanceMax }
        let own = process.books[index]?.value.capsAvailable ?? [:]
        return caller.days.reduce(.balanceMax) { least, day in
            let figures = database.capFigures(
                of: day.scope,
                at: caller.admittedAt,
                in: accounts[index]
            )
            return min(least, (figures?.free ?? .balanceMax) + (own[day] ?? .zero))
        }
    }

    /// I6: a day has spent what its events took, and I3: with what is set aside, never more than
    /// the limit.
    func checkCaps(_ index: Int, _ account: ModelDatabase.Account) {
        let caps = account.caps
        for (day, counted) in streams[index].spent where caps.days[day]?.spent != counted {
            let spent = caps.days[day]?.spent ?? .zero
            fail("I6: \(day) has spent \(spent), its events took \(counted)")
        }
        for (day, row) in caps.days where streams[index].spent[day] ?? .zero != row.spent {
            fail("I6: \(day) has spent \(row.spent), and no event says so")
        }
        for (lease, parts) in caps.leases {
            for (day, part) in parts where part.settled < .zero || part.remaining < .zero {
                fail("I6: lease \(lease) has settled \(part.settled) of \(part.granted) of \(day)")
            }
        }
        guard plan.keepsCaps else { return }
        for day in caps.days.keys {
            let figures = database.capFigures(of: day.scope, at: day.startsAt, in: accounts[index])
            for window in figures?.windows ?? [] where window.free < .zero {
                fail(
                    "I3: of \(window.limit) a \(window.period) of \(day.scope),"
                        + " \(window.spent) is spent and \(window.escrowed) set aside"
                )
            }
        }
    }

    func countSpending(_ recorded: RecordedEvent, of index: Int) {
        guard case .usage(let usage) = recorded.event.body, recorded.amount < .zero else { return }
        let startsAt = ModelCaps.Day(covering: usage.admittedAt).startsAt
        for scope in [CapScope.key(usage.key), .project(usage.project)]
        where plan.caps.contains(where: { $0.scope == scope }) {
            let day = CapDay(scope: scope, startsAt: startsAt)
            streams[index].spent[day, default: .zero] -= recorded.amount
        }
    }

    /// No instance believes in more of a cap than the database has set aside for it.
    func checkCapClaims(_ process: Process, _ index: Int, _ lease: LeaseID) {
        let parts = database.accounts[accounts[index]]?.caps.leases[lease] ?? [:]
        for (day, available) in process.books[index]?.value.capsAvailable ?? [:] {
            if available < .zero { fail("process \(process.id): more held than leased of \(day)") }
            let owed = process.capsOutstanding[CapPlace(lease: lease, day: day)] ?? .zero
            let remaining = parts[day]?.remaining ?? .zero
            if available + owed > remaining {
                fail(
                    "I3: process \(process.id) claims \(available + owed) of \(day),"
                        + " of which its lease has \(remaining)"
                )
            }
        }
    }

    /// I9: what nobody uses of a cap is free again.
    func checkCapsAtRest(_ index: Int) {
        guard let account = database.accounts[accounts[index]] else { return }
        for (id, parts) in account.caps.leases {
            guard let lease = account.leases[id], lease.row.isOpen, isSpokenFor(lease) else {
                continue
            }
            for (day, part) in parts where part.remaining > .zero {
                fail("I9: nothing has happened for 11 s, and \(part.remaining) of \(day) is leased")
            }
        }
    }
}
