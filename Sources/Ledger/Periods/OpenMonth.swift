import Schema

/// What fell to a month.
package struct OpenMonth: Hashable, Sendable, Codable {
    package internal(set) var month: Month
    /// By which bounds events fell to it.
    var bounds: MonthCalendar.Bounds?
    package private(set) var calls: Int64 = 0
    /// The earliest month in which one of its calls occurred.
    package private(set) var earliest: Month
    /// What calls took from the balance.
    package private(set) var usage = Pico.zero
    /// What of `usage` grants covered, in the order in which they were first burned.
    package private(set) var covered: [Covered] = []
    /// Signed sums by kind of event.
    package private(set) var changes: [Change] = []

    package struct Covered: Hashable, Sendable, Codable {
        package let grant: GrantID
        package let kind: CreditGranted.Kind
        package fileprivate(set) var amount: Pico
    }

    package struct Change: Hashable, Sendable, Codable {
        /// The name of an `EventKind`.
        package let kind: String
        package fileprivate(set) var amount: Pico
    }

    init(month: Month, bounds: MonthCalendar.Bounds? = nil) {
        self.month = month
        self.bounds = bounds
        earliest = month
    }

    /// What no grant covered.
    package var uncovered: Pico { covered.reduce(usage) { $0 - $1.amount } }

    /// What the month's events sum to.
    package var balance: Pico { changes.reduce(.zero) { $0 + $1.amount } }

    mutating func add(_ amount: Pico, of kind: EventKind) {
        guard amount != .zero else { return }
        if let index = changes.firstIndex(where: { $0.kind == kind.rawValue }) {
            changes[index].amount += amount
        } else {
            changes.append(Change(kind: kind.rawValue, amount: amount))
        }
    }

    /// Counts a call that occurred in a month, this one or an earlier one.
    mutating func addCall(_ charge: Pico, in occurred: Month) {
        calls += 1
        usage += charge
        earliest = min(earliest, occurred)
    }

    mutating func cover(_ grant: BurningGrant, _ amount: Pico) {
        guard amount > .zero else { return }
        // Grants are burned one after the other, so it is the last one as good as always.
        if let index = covered.lastIndex(where: { $0.grant == grant.id }) {
            covered[index].amount += amount
        } else {
            covered.append(Covered(grant: grant.id, kind: grant.kind, amount: amount))
        }
    }
}
