/// Money received for an invoice: it pays what is owed; what is left over is credit.
package struct Payment: Hashable, Sendable {
    /// Above zero.
    package let amount: Pico
    /// The number of the invoice that it pays.
    package let invoice: String
    /// Whose payment it was, as the bank or the processor calls it.
    package let reference: String

    package init(amount: Pico, invoice: String, reference: String) {
        self.amount = amount
        self.invoice = invoice
        self.reference = reference
    }
}

/// A part of a finalized invoice taken back: less is owed, or credit comes back.
package struct CreditNote: Hashable, Sendable {
    /// Above zero.
    package let amount: Pico
    /// The number of the invoice that it corrects.
    package let invoice: String
    /// Its own number.
    package let number: String
    package let reason: String

    package init(amount: Pico, invoice: String, number: String, reason: String) {
        self.amount = amount
        self.invoice = invoice
        self.number = number
        self.reason = reason
    }
}

/// The residue of an invoice's total, which is in whole cents, over its events, which are exact.
package struct InvoiceRounding: Hashable, Sendable {
    /// Signed and not zero; below zero when the total was rounded up.
    package let amount: Pico
    package let invoice: String

    package init(amount: Pico, invoice: String) {
        self.amount = amount
        self.invoice = invoice
    }
}
