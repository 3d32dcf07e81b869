import Ledger
import LedgerModel
import Schema

/// What is known of an account's stream so far, so that only new events are looked at.
struct StreamWatch {
    var version: Int64 = 0
    var sum = Pico.zero
    var events: Set<EventID> = []
    /// What the usage up to each version comes to.
    var usage: [(calls: Int64, charged: Pico)] = [(0, .zero)]
    /// What usage took in each day of a cap.
    var spent: [CapDay: Pico] = [:]
    var parkedCount = 0
    /// From when on usage is still charged, by the last month that was closed.
    var chargedFrom: Instant?

    mutating func count(_ recorded: RecordedEvent) {
        var sum = usage[usage.count - 1]
        if case .usage = recorded.event.body {
            sum.calls += 1
            sum.charged -= recorded.amount
        }
        usage.append(sum)
    }
}

extension World {
    func head(_ index: Int) -> HeadSummary {
        guard let account = database.accounts[accounts[index]] else {
            preconditionFailure("accounts are made first and never removed")
        }
        return account.head
    }

    /// What the balance covers with nothing running.
    func coverable(_ index: Int) -> Pico {
        let head = head(index)
        return head.balance + head.creditLimit - head.reserved
    }

    /// What the windows of the caller's caps cover with nothing running.
    func coverable(_ index: Int, _ caller: Caller) -> Pico {
        capWindows(index, caller).reduce(.balanceMax) { min($0, $1.unspent) }
    }

    /// I1 to I4 and I6, of one account.
    func checkAccount(_ index: Int) {
        guard let account = database.accounts[accounts[index]] else { return }
        let head = account.head
        if let broken = head.brokenConstraint { fail("I3: \(broken): \(head.words)") }
        for event in account.stream[Int(streams[index].version)...] {
            streams[index].version += 1
            streams[index].sum += event.amount
            if event.version != streams[index].version {
                fail("I2: version \(event.version) at place \(streams[index].version)")
            }
            if !streams[index].events.insert(event.event.id).inserted {
                fail("I4: the event \(event.event.id) is in the stream twice")
            }
            check(event, of: index)
            countSpending(event, of: index)
            streams[index].count(event)
        }
        if head.version != streams[index].version {
            fail("I2: the head is at \(head.version), the stream at \(streams[index].version)")
        }
        if head.balance != streams[index].sum {
            fail("I1: the balance is \(head.balance), the sum \(streams[index].sum)")
        }
        let escrowed = account.leases.values.reduce(Pico.zero) { sum, lease in
            lease.row.isOpen ? sum + lease.row.remaining : sum
        }
        if head.escrowed != escrowed {
            fail("I6: escrowed is \(head.escrowed), the open leases have \(escrowed)")
        }
        checkCaps(index, account)
        checkGrants(index, account)
        checkProjection(index, account)
        while streams[index].parkedCount < account.parked.count {
            note("parked: \(account.parked[streams[index].parkedCount].message)")
            streams[index].parkedCount += 1
        }
    }

    /// One event of a call: nobody's invention, and no more than was held.
    private func check(_ recorded: RecordedEvent, of index: Int) {
        if case .periodClosed(let closed) = recorded.event.body {
            streams[index].chargedFrom = closed.chargedFrom
        }
        guard case .usage(let usage) = recorded.event.body else {
            if !commands.contains(recorded.event.id) { fail("I4: an event of nobody") }
            return
        }
        guard let id = callsByEvent[recorded.event.id] else { return fail("I4: a call of nobody") }
        let call = calls[id]
        appended(call)
        if usage.charge > usage.hold { fail("call \(id): charge \(usage.charge) > its hold") }
        let unpaid = recorded.excess - usage.excess
        if recorded.amount + usage.charge != unpaid {
            fail("call \(id): \(usage.charge) charged, \(recorded.amount) taken, \(unpaid) not")
        }
        if recorded.event.isTooLate(streams[index].chargedFrom) {
            statistics.late += 1
            if recorded.amount != .zero { fail("I7: call \(id) is charged to a closed month") }
        } else if unpaid > .zero, !plan.mayExceed {
            fail("I3: call \(id): nothing has room for \(unpaid) of its charge")
        }
        if usage.outcome == .interrupted {
            statistics.interrupted += 1
            if call.isDelivered, !copiedDisks.contains(call.disk) {
                fail("I4: call \(id) was answered and is recorded as interrupted")
            }
        } else if usage.charge != call.charge {
            fail("call \(id): it cost \(call.charge) and is recorded with \(usage.charge)")
        }
    }

    /// The ledger has it: its lease owes nothing for it any more.
    private func appended(_ call: Call) {
        call.isAppended = true
        let due = call.isSettled ? call.charge : call.hold.amount
        processes[call.process].owe(.zero - due, on: call.hold.lease, by: call.caller)
    }
}
