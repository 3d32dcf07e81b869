import Schema

/// The open months of an account: what its events up to a version leave to be invoiced.
///
/// A pure fold of the stream. Each event falls to the month in which it occurred or, when that is
/// closed, to the first open one; a `period_closed` event takes the first open month out. So each
/// event is in exactly one month, and any month can be recomputed. Beside the sums it follows the
/// burn-down, and so knows which grants covered the usage of which month.
package struct PeriodFold: Hashable, Sendable, Codable {
    package private(set) var burnDown = GrantBurnDown()
    /// Nil before the first event.
    package private(set) var firstOpen: Month?
    /// Σ amounts of the months that are closed: the opening balance of the first open one.
    package private(set) var closedBalance = Pico.zero
    /// The events of the open months, in the order of the months; months without are left out.
    package private(set) var open: [OpenMonth] = []

    package init() {}

    package var version: Int64 { burnDown.version }

    /// What an open month has; nothing where no event fell to it.
    package func month(_ month: Month) -> OpenMonth {
        open.first { $0.month == month } ?? OpenMonth(month: month)
    }

    /// The balance at an open month's beginning: that of the months before, open ones included.
    package func openingBalance(of month: Month) -> Pico {
        open.filter { $0.month < month }.reduce(closedBalance) { $0 + $1.balance }
    }

    /// Takes the stream's next event; `calendar` tells the month that it occurred in.
    mutating func apply(_ event: PeriodEntry, _ calendar: MonthCalendar) {
        if case .closed(let closed) = event.effect { return close(closed.month, event) }
        let occurred = calendar.month(of: event.entry.occurredAt)
        let first = firstOpen ?? occurred
        firstOpen = first
        let index = place(max(occurred, first))
        open[index].add(event.amount, of: event.kind)
        guard event.kind == .usage else { return burnDown.apply(event.entry) }
        // Taken out and put back, for the burn-down is changed meanwhile: a copy for each call would
        // cost more than all the rest.
        var month = OpenMonth(month: open[index].month)
        swap(&month, &open[index])
        var left = month.addCall(-event.amount)
        burnDown.apply(event.entry) { grant, amount in
            // More is burned only for what an earlier, forced event left unpaid.
            let part = min(left, amount)
            left -= part
            month.cover(grant, part)
        }
        swap(&month, &open[index])
    }

    private mutating func close(_ month: Month, _ event: PeriodEntry) {
        burnDown.apply(event.entry)
        closedBalance += self.month(month).balance
        open.removeAll { $0.month == month }
        firstOpen = month.next
        // What occurred before the next month cannot be in it, whatever the order of appends.
        guard let first = open.first, first.month < month.next else { return }
        open[0].month = month.next
    }

    private mutating func place(_ month: Month) -> Int {
        if let index = open.firstIndex(where: { $0.month >= month }) {
            if open[index].month != month { open.insert(OpenMonth(month: month), at: index) }
            return index
        }
        open.append(OpenMonth(month: month))
        return open.endIndex - 1
    }
}

/// What fell to a month.
package struct OpenMonth: Hashable, Sendable, Codable {
    package internal(set) var month: Month
    package private(set) var calls: Int64 = 0
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

    package init(month: Month) {
        self.month = month
    }

    /// What no grant covered.
    package var uncovered: Pico { covered.reduce(usage) { $0 - $1.amount } }

    /// What the month's events sum to.
    package var balance: Pico { changes.reduce(.zero) { $0 + $1.amount } }

    fileprivate mutating func add(_ amount: Pico, of kind: EventKind) {
        guard amount != .zero else { return }
        if let index = changes.firstIndex(where: { $0.kind == kind.rawValue }) {
            changes[index].amount += amount
        } else {
            changes.append(Change(kind: kind.rawValue, amount: amount))
        }
    }

    /// Counts a call and returns what it cost.
    fileprivate mutating func addCall(_ charge: Pico) -> Pico {
        calls += 1
        usage += charge
        return charge
    }

    fileprivate mutating func cover(_ grant: BurningGrant, _ amount: Pico) {
        guard amount > .zero else { return }
        if let index = covered.firstIndex(where: { $0.grant == grant.id }) {
            covered[index].amount += amount
        } else {
            covered.append(Covered(grant: grant.id, kind: grant.kind, amount: amount))
        }
    }
}

/// What an event means to the months of its account.
struct PeriodEntry: Hashable, Sendable {
    enum Effect: Hashable, Sendable {
        case nothing
        case closed(PeriodClosed)
        case rounded(InvoiceRounding)
    }

    let entry: BurnDownEntry
    let kind: EventKind
    let amount: Pico
    var effect = Effect.nothing
}
