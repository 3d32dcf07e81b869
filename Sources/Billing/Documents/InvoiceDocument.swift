import Schema

/// What a document says it is.
package enum DocumentKind: String, Hashable, CaseIterable, Sendable, Codable {
    /// Asks an account with a credit limit for what its grants did not cover in a month.
    case invoice
    /// Shows a prepaid account its month; nothing is due, and no tax stands on it.
    case statement
    /// The tax document of a paid grant.
    case receipt
    /// Takes back a whole document or a part of it.
    case creditNote = "credit_note"
}

/// A document as it is issued: a pure value that holds everything that is shown of it.
///
/// Amounts of the document's figures are whole minor units of its currency and never below zero;
/// what a credit note shows is what it takes back. Exact amounts stand beside them where they come
/// from events. A draft is the same value without a number and without dates of issue.
package struct InvoiceDocument: Hashable, Sendable, Codable {
    /// The version of this layout; a stored document is read by its own.
    package var format = 1
    package var kind: DocumentKind
    /// Nil for a draft: a number is given by the transaction that finalizes.
    package var number: String?
    /// Nil for a draft.
    package var issuedAt: Instant?
    /// The day of issue in the customer's time zone; nil for a draft.
    package var issueDate: CalendarDate?
    /// When it is to be paid; nil for a draft, and where nothing is due.
    package var dueDate: CalendarDate?
    /// The account's slug.
    package var account: String
    package var currency: Currency
    /// The zone of the IANA data base in which its days and months are reckoned.
    package var timeZone: String
    package var issuer: DocumentParty
    package var customer: DocumentParty
    /// The month of an invoice or a statement; nil for the others.
    package var period: DocumentPeriod?
    /// The document that a credit note corrects.
    package var corrects: DocumentReference?
    /// The payment that a receipt is for.
    package var payment: DocumentPayment?
    /// Why a credit note was made.
    package var reason: String?
    package var lines: [DocumentLine]
    /// Sums of the lines, in the order of the projects' slugs.
    package var projectSubtotals: [DocumentSubtotal]
    /// Sums of the lines, in the order of the keys' projects and names.
    package var keySubtotals: [DocumentSubtotal]
    /// In the order in which the grants burn.
    package var creditsApplied: [DocumentCredit]
    /// What else is asked for, the oldest first; nil without any.
    package var debts: [DocumentDebt]?
    /// One for each category, reckoned on its sum.
    package var taxes: [DocumentTax]
    package var totals: DocumentTotals
    /// How the balance came from the month before to the next; of months only.
    package var balances: DocumentBalances?
    /// Calls on the document.
    package var events: Int64
    /// What the figures rest on; empty where nothing was sealed when it was issued.
    package var seals: [DocumentSeal]

    package init(
        kind: DocumentKind,
        account: String,
        currency: Currency,
        timeZone: String,
        issuer: DocumentParty,
        customer: DocumentParty,
        totals: DocumentTotals
    ) {
        self.kind = kind
        self.account = account
        self.currency = currency
        self.timeZone = timeZone
        self.issuer = issuer
        self.customer = customer
        self.totals = totals
        lines = []
        projectSubtotals = []
        keySubtotals = []
        creditsApplied = []
        taxes = []
        events = 0
        seals = []
    }
}

/// The month that a document covers, and the events in it: those before its end and up to its
/// closing version, less those of the months before.
package struct DocumentPeriod: Hashable, Sendable, Codable {
    package var month: Month
    /// The first instant of the month.
    package var startsAt: Instant
    /// The first instant of the next month.
    package var endsAt: Instant
    /// The stream's version up to which events are in; of a draft, the version it was made at.
    package var closingVersion: Int64

    package init(month: Month, startsAt: Instant, endsAt: Instant, closingVersion: Int64) {
        self.month = month
        self.startsAt = startsAt
        self.endsAt = endsAt
        self.closingVersion = closingVersion
    }
}

/// Another document, as it is referred to.
package struct DocumentReference: Hashable, Sendable, Codable {
    package var number: String
    package var kind: DocumentKind
    package var issueDate: CalendarDate

    package init(number: String, kind: DocumentKind, issueDate: CalendarDate) {
        self.number = number
        self.kind = kind
        self.issueDate = issueDate
    }
}

/// The payment that a receipt is for.
package struct DocumentPayment: Hashable, Sendable, Codable {
    /// The grant that it bought.
    package var grant: String
    package var paidAt: Instant
    package var date: CalendarDate
    /// As the bank or the processor calls it.
    package var reference: String?

    package init(grant: String, paidAt: Instant, date: CalendarDate, reference: String?) {
        self.grant = grant
        self.paidAt = paidAt
        self.date = date
        self.reference = reference
    }
}

/// A seal of the account's stream that a document rests on; see `farebox ledger seals`.
package struct DocumentSeal: Hashable, Sendable, Codable {
    package var firstVersion: Int64
    package var lastVersion: Int64
    /// In lower-case hexadecimal digits.
    package var sha256: String

    package init(firstVersion: Int64, lastVersion: Int64, sha256: String) {
        self.firstVersion = firstVersion
        self.lastVersion = lastVersion
        self.sha256 = sha256
    }
}
