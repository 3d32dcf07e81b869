import Schema

/// What chargebacks and corrections took from an account that no credit covered, and that no
/// document has asked for yet.
///
/// As far as the credit limit covers it the next document asks for it, as for usage: nothing else
/// ever would. What is beyond the limit makes the account overdrawn, and the next money pays that by
/// itself.
package struct UnaskedDebts: Hashable, Sendable, Codable {
    package struct Debt: Hashable, Sendable, Codable {
        /// Of the event that made it.
        package let version: Int64
        /// The month that the event falls to.
        package let month: Month
        /// The name of an `EventKind`.
        package let kind: String
        /// What was charged back; nil for a correction.
        package let grant: GrantID?
        /// As the event gives it.
        package let reason: String
        /// What nothing covers of it.
        package fileprivate(set) var amount: Pico
    }

    /// The oldest first.
    private var debts: [Debt] = []

    /// What is asked for by the document of a month: all up to it, the oldest first, but for what
    /// the account is overdrawn by.
    func due(through month: Month, overdrawn: Pico) -> [Debt] {
        var left = debts.reduce(Pico.zero) { $0 + $1.amount } - overdrawn
        return debts.compactMap { debt in
            guard debt.month <= month, left > .zero else { return nil }
            var due = debt
            due.amount = min(debt.amount, left)
            left -= due.amount
            return due
        }
    }

    /// Takes out what a document has asked for.
    mutating func remove(_ due: [Debt]) {
        for part in due {
            guard let index = debts.firstIndex(where: { $0.version == part.version }) else {
                continue
            }
            debts[index].amount -= part.amount
        }
        debts.removeAll { $0.amount == .zero }
    }

    /// Credit has paid so much of what the account was overdrawn by: the newest of it.
    mutating func settle(_ amount: Pico) {
        var left = amount
        while left > .zero, let last = debts.last {
            let part = min(left, last.amount)
            left -= part
            debts[debts.endIndex - 1].amount -= part
            if part == last.amount { debts.removeLast() }
        }
    }

    /// Adds what an event has left unpaid; nothing where it is of another kind.
    mutating func add(_ amount: Pico, _ event: PeriodEntry, in month: Month) {
        let (grant, reason): (GrantID?, String)
        switch event.effect {
        case .chargedBack(let taken, let why): (grant, reason) = (taken, why)
        case .adjusted(let why): (grant, reason) = (nil, why)
        default: return
        }
        debts.append(
            Debt(
                version: event.entry.version,
                month: month,
                kind: event.kind.rawValue,
                grant: grant,
                reason: reason,
                amount: amount
            )
        )
    }
}
