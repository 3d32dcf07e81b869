import Ledger
import Schema

/// An account's general ledger in a month: its entries, and what stands in each of its accounts.
///
/// Pure: the same events and documents make the same book. Every entry's debits are its credits,
/// to the pico, and so are the balances'.
struct MonthBook: Sendable {
    /// What usage was paid with.
    private enum Means: Hashable {
        case grant(GrantID)
        case unpaid
    }

    let month: Month
    /// Debits above zero, at the beginning and at the end of the month.
    private(set) var opening: [BookAccount: Pico] = [:]
    private(set) var closing: [BookAccount: Pico] = [:]
    private var usage: [Means: (calls: Int64, account: BookAccount, amount: Pico)] = [:]
    private var order: [Means] = []

    init(_ month: Month) {
        self.month = month
    }

    /// Takes the stream's next event; returns its entry, if it is one of the month and no call.
    mutating func add(_ event: BookedEvent, isCredited: Bool = false) throws -> BookEntry? {
        guard event.month <= month else { return nil }
        let lines = BookPostings(event, isCredited: isCredited).lines
        guard lines.reduce(.zero, { $0 + $1.amount }) == .zero else {
            throw LedgerError(.corrupt, "version \(event.version) has unequal debits and credits")
        }
        post(lines, in: event.month)
        guard event.month == month else { return nil }
        if event.kind == .usage {
            addCall(event)
            return nil
        }
        let entry = BookEntry(
            source: event.kind.rawValue,
            reference: "v\(event.version)",
            date: date(event),
            description: event.bookDescription,
            lines: lines
        )
        return entry.lines.isEmpty ? nil : entry
    }

    /// Takes a document's tax; returns its entry, if it is one of the month.
    mutating func add(_ tax: BookedTax, in month: Month) -> BookEntry? {
        guard month <= self.month else { return nil }
        let entry = tax.entry
        post(entry.lines, in: month)
        return month == self.month ? entry : nil
    }

    /// The month's calls, an entry for each grant that paid for some and one for what none did.
    var usageEntries: [BookEntry] {
        order.compactMap { means in
            guard let sum = usage[means], sum.amount != .zero else { return nil }
            let reference =
                switch means {
                case .grant(let grant): grant.description
                case .unpaid: "unpaid"
                }
            return BookEntry(
                source: EventKind.usage.rawValue,
                reference: reference,
                date: month.lastDate,
                description: "\(sum.calls) calls",
                lines: [BookLine(sum.account, sum.amount), BookLine(.revenue, -sum.amount)]
            )
        }
    }

    private mutating func addCall(_ event: BookedEvent) {
        for part in event.burned {
            let account: BookAccount =
                part.kind == .paid ? .deferredRevenue : .promotionalExpense
            add(part.amount, to: account, by: .grant(part.grant))
        }
        if event.moved.unpaid != .zero { add(event.moved.unpaid, to: .receivable, by: .unpaid) }
    }

    private mutating func add(_ amount: Pico, to account: BookAccount, by means: Means) {
        if usage[means] == nil {
            usage[means] = (0, account, .zero)
            order.append(means)
        }
        usage[means]?.calls += 1
        usage[means]?.amount += amount
    }

    private mutating func post(_ lines: [BookLine], in month: Month) {
        for line in lines where line.amount != .zero {
            if month < self.month { opening[line.account, default: .zero] += line.amount }
            closing[line.account, default: .zero] += line.amount
        }
    }

    /// What occurred in a month that was closed is entered on the first day that is not.
    private func date(_ event: BookedEvent) -> CalendarDate {
        guard event.serviceMonth == month, let day = event.other?.day else {
            return month.firstDate
        }
        return day
    }
}
