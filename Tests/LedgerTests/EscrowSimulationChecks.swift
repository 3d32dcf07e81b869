import Ledger
import Schema

extension EscrowSimulation {
    /// What the balance can cover with nothing running, as this instance may know it.
    func coverable(_ number: Int) -> Pico {
        let head = model.head
        return head.balance + head.creditLimit - head.reserved - instances[number].unappended
    }

    /// What must hold after every step.
    mutating func check() {
        if let violation = model.violation { fail(violation) }
        if !faults.closesLeases, !faults.movesCredit, model.excess > .zero { fail("excess") }
        for number in instances.indices { checkFigures(instances[number].book.leaseFigures) }
        if waits.isEmpty { return }
        for (waiter, wait) in waits {
            var seen = wait
            seen.coverableMin = min(wait.coverableMin, coverable(wait.instance))
            seen.wasSuspended = wait.wasSuspended || model.head.isSuspended
            waits[waiter] = seen
            if now > wait.deadline + .milliseconds(1) { fail("\(waiter) was never answered") }
        }
    }

    /// No lease has less in the database than its holder believes.
    private mutating func checkFigures(_ figures: LeaseBook.Figures?) {
        guard let figures else { return }
        if figures.available < .zero { fail("more held than leased") }
        let lease = model.leases[figures.lease]
        if lease?.isOpen == false { return }
        let remaining = lease?.remaining ?? .zero
        if remaining < figures.granted - figures.settled {
            fail("the database has \(remaining), the instance \(figures)")
        }
    }

    /// Whether a refusal is true.
    mutating func judge(_ refusal: EscrowRefusal, of wait: Wait) {
        refused["\(refusal.reason)", default: 0] += 1
        switch refusal.reason {
        case .insufficient:
            if min(wait.coverableMin, coverable(wait.instance)) >= wait.least {
                fail("a false 402: \(refusal) with \(wait.coverableMin)")
            }
        case .suspended:
            if !wait.wasSuspended, !model.head.isSuspended { fail("never suspended") }
        case .tiedUp:
            if now < wait.deadline { fail("gave up early: \(refusal)") }
        case .unavailable:
            if !faults.hasOutages, !faults.losesMessages { fail("unavailable without a fault") }
        case .cancelled:
            break
        }
    }

    /// Nothing waits, nothing is held, and all credit is back.
    mutating func checkEnd() {
        if !waits.isEmpty { fail("\(waits.count) wait at the end") }
        for (number, instance) in instances.enumerated() {
            let holdings = instance.book.holdings
            if holdings != EscrowHoldings() { fail("\(number) has \(holdings) at the end") }
            if !instance.book.isClosed { fail("\(number) has a lease at the end") }
        }
        if model.head.escrowed != .zero { fail("\(model.head.escrowed) in escrow at the end") }
    }
}
