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
    private var unasked = UnaskedDebts()

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

    /// What the document of a month asks for beside the month's usage; of the first open month
    /// alone, for what that one asks for, later ones do not.
    package func debts(of month: Month) -> [UnaskedDebts.Debt] {
        guard month == firstOpen else { return [] }
        let overdrawn = (burnDown.unpaid - burnDown.creditLimit).clampedToZero
        return unasked.due(through: month, overdrawn: overdrawn)
    }

    /// Whether its events fell to the months that a calendar has them in.
    func isReckoned(by calendar: MonthCalendar) -> Bool {
        open.allSatisfy { $0.bounds == calendar.bounds(of: $0.month) }
    }

    /// Takes the stream's next event; `calendar` tells the month that it occurred in.
    mutating func apply(_ event: PeriodEntry, _ calendar: MonthCalendar) {
        if case .closed(let closed) = event.effect {
            return close(closed.month, event, calendar)
        }
        let occurred = calendar.month(of: event.entry.occurredAt)
        let first = firstOpen ?? occurred
        firstOpen = first
        let index = place(max(occurred, first), calendar)
        open[index].add(event.amount, of: event.kind)
        guard event.kind == .usage else { return applyOther(event, in: open[index].month) }
        // Taken out and put back, for the burn-down is changed meanwhile: a copy for each call would
        // cost more than all the rest.
        var month = OpenMonth(month: open[index].month)
        swap(&month, &open[index])
        month.addCall(-event.amount, in: calendar.earliestMonth(of: event.entry.occurredAt))
        var (left, beyond) = (-event.amount, Pico.zero)
        burnDown.apply(event.entry) { grant, amount in
            let part = min(left, amount)
            left -= part
            beyond += amount - part
            month.cover(grant, part)
        }
        swap(&month, &open[index])
        // More is burned only for what an earlier, forced event left unpaid.
        unasked.settle(beyond)
    }

    /// Takes an event that is no call, in the month that it falls to.
    private mutating func applyOther(_ event: PeriodEntry, in month: Month) {
        let unpaid = burnDown.unpaid
        burnDown.apply(event.entry)
        switch event.kind {
        // What these move is what documents have asked for.
        case .payment, .creditNote, .rounding: return
        default: break
        }
        let more = burnDown.unpaid - unpaid
        if more > .zero { unasked.add(more, event, in: month) } else { unasked.settle(-more) }
    }

    private mutating func close(
        _ month: Month,
        _ event: PeriodEntry,
        _ calendar: MonthCalendar
    ) {
        unasked.remove(debts(of: month))
        burnDown.apply(event.entry)
        closedBalance += self.month(month).balance
        open.removeAll { $0.month == month }
        firstOpen = month.next
        // What occurred before the next month cannot be in it, whatever the order of appends.
        guard let first = open.first, first.month < month.next else { return }
        open[0].month = month.next
        open[0].bounds = calendar.bounds(of: month.next)
    }

    private mutating func place(_ month: Month, _ calendar: MonthCalendar) -> Int {
        let index = open.firstIndex { $0.month >= month } ?? open.endIndex
        if index < open.endIndex, open[index].month == month { return index }
        open.insert(OpenMonth(month: month, bounds: calendar.bounds(of: month)), at: index)
        return index
    }
}

/// What an event means to the months of its account.
struct PeriodEntry: Hashable, Sendable {
    enum Effect: Hashable, Sendable {
        case nothing
        case closed(PeriodClosed)
        case rounded(InvoiceRounding)
        /// Credit that expired or was voided.
        case ended(GrantID)
        case chargedBack(GrantID, reason: String)
        case adjusted(reason: String)
    }

    let entry: BurnDownEntry
    let kind: EventKind
    let amount: Pico
    var effect = Effect.nothing
}
