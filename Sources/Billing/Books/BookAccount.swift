import Schema

/// An account of the general ledger, by the name that exports use.
package enum BookAccount: String, CaseIterable, Sendable {
    /// Money that came in or went back, until it is matched with a bank's or a processor's figures.
    case cash
    /// What customers owe: usage that no grant covered, whether invoiced yet or not, and its tax.
    case receivable
    /// What is left of paid grants: it was paid for and is still to be delivered.
    case deferredRevenue = "deferred_revenue"
    case taxPayable = "tax_payable"
    case revenue
    /// What was paid for and expired before it was used.
    case breakage
    /// Usage that promotional grants paid for.
    case promotionalExpense = "promotional_expense"
    /// Corrections of balances downwards by a person.
    case adjustments
    /// What invoices, in whole cents, ask for more or less than their calls cost.
    case rounding
}

/// A part of an entry: above zero it is a debit, below zero a credit.
package struct BookLine: Hashable, Sendable {
    package let account: BookAccount
    package let amount: Pico

    package init(_ account: BookAccount, _ amount: Pico) {
        self.account = account
        self.amount = amount
    }

    package var debit: Pico { amount.clampedToZero }
    package var credit: Pico { (-amount).clampedToZero }
}

/// Debits and credits that are equal, and where they come from.
package struct BookEntry: Hashable, Sendable {
    /// What made it: a kind of event, `usage`, or a kind of document with `_tax` behind it.
    package let source: String
    /// What it is found by in the account: `v42` (a version of the stream), a document's number, a
    /// grant's identifier, or `unpaid`.
    package let reference: String
    /// In the account's time zone, and always in the month of the books.
    package let date: CalendarDate
    package let description: String
    package let lines: [BookLine]

    /// Without lines of nothing.
    init(
        source: String,
        reference: String,
        date: CalendarDate,
        description: String,
        lines: [BookLine]
    ) {
        self.source = source
        self.reference = reference
        self.date = date
        self.description = description
        self.lines = lines.filter { $0.amount != .zero }
    }
}
