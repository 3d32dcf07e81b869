import Schema

/// What of a month's usage a grant has covered.
package struct DocumentCredit: Hashable, Sendable, Codable {
    package var grant: String
    package var kind: CreditGranted.Kind
    package var reference: String?
    package var exact: Pico
    package var amount: MinorUnits

    package init(
        grant: String,
        kind: CreditGranted.Kind,
        reference: String? = nil,
        exact: Pico,
        amount: MinorUnits
    ) {
        self.grant = grant
        self.kind = kind
        self.reference = reference
        self.exact = exact
        self.amount = amount
    }
}

/// The tax of one category, on the sum of what falls under it.
package struct DocumentTax: Hashable, Sendable, Codable {
    package var category: TaxCategory
    /// In thousandths of a percent: 19 % is 19 000.
    package var rate: Int64
    /// Why nothing is taxed, where a category asks for it.
    package var exemptionReason: String?
    package var base: MinorUnits
    package var amount: MinorUnits

    package init(
        category: TaxCategory,
        rate: Int64,
        exemptionReason: String? = nil,
        base: MinorUnits,
        amount: MinorUnits
    ) {
        self.category = category
        self.rate = rate
        self.exemptionReason = exemptionReason
        self.base = base
        self.amount = amount
    }
}

/// The codes of UNTDID 5305 that EN 16931 takes.
package enum TaxCategory: String, Hashable, CaseIterable, Sendable, Codable {
    case standard = "S"
    case zero = "Z"
    case exempt = "E"
    case reverseCharge = "AE"
    case intraCommunity = "K"
    case export = "G"
    case outOfScope = "O"
}

/// The figures at a document's end.
package struct DocumentTotals: Hashable, Sendable, Codable {
    /// Σ lines, exactly.
    package var exact: Pico
    /// Σ lines; `exact`, rounded once, half to even.
    package var subtotal: MinorUnits
    /// `exact` less `subtotal`.
    package var residue: Pico
    /// Σ credits applied.
    package var creditsApplied: MinorUnits
    /// Σ debts; nil without any.
    package var debts: MinorUnits?
    /// What is taxed and, but for a receipt, owed: `subtotal` less credits applied, with debts.
    package var net: MinorUnits
    package var tax: MinorUnits
    /// `net` with `tax`.
    package var total: MinorUnits
    /// What is to be paid: `total` of an invoice, otherwise zero.
    package var due: MinorUnits
    /// The usage that grants did not cover, with debts, less `net`; zero where nothing is due.
    ///
    /// Rounding moves the balance by so much, so that the payment of `net` settles it exactly.
    package var booked: Pico

    package init(
        exact: Pico,
        subtotal: MinorUnits,
        creditsApplied: MinorUnits = .zero,
        debts: MinorUnits? = nil,
        tax: MinorUnits = .zero,
        due: MinorUnits = .zero,
        residue: Pico = .zero,
        booked: Pico = .zero
    ) {
        self.exact = exact
        self.subtotal = subtotal
        self.residue = residue
        self.creditsApplied = creditsApplied
        self.debts = debts
        net = subtotal - creditsApplied + (debts ?? .zero)
        self.tax = tax
        total = net + tax
        self.due = due
        self.booked = booked
    }
}

/// How an account's balance came from one month's end to the next, exactly.
///
/// Every event of the stream is in exactly one month's figures, and a month's opening balance is
/// the closing one of the month before.
package struct DocumentBalances: Hashable, Sendable, Codable {
    package var opening: Pico
    /// Signed sums by kind of event, without those that are zero, in the order of the kinds.
    package var changes: [DocumentChange]
    package var closing: Pico

    package init(opening: Pico, changes: [DocumentChange], closing: Pico) {
        self.opening = opening
        self.changes = changes
        self.closing = closing
    }
}

/// What the events of one kind have moved in a month.
package struct DocumentChange: Hashable, Sendable, Codable {
    /// Such as `usage` or `credit_granted`.
    package var kind: String
    package var amount: Pico

    package init(kind: String, amount: Pico) {
        self.kind = kind
        self.amount = amount
    }
}
