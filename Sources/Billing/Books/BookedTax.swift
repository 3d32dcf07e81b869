import Ledger
import Postgres
import Schema

/// Tax that a document states, takes back, or was paid with: it is in no stream, for balances are
/// net.
struct BookedTax: Hashable, Sendable {
    enum Cause: Hashable, Sendable {
        case invoice
        case receipt
        /// Of an invoice that is not paid: less is owed.
        case creditNote
        /// Of a paid invoice: the tax stands on the receipt of the credit that it gave back.
        case creditNoteOfPaid
        case payment
    }

    let cause: Cause
    /// The document's; of a payment, that of its invoice.
    let number: String
    let amount: Pico
    let instant: Instant
    let date: CalendarDate

    var entry: BookEntry {
        let (debit, credit): (BookAccount, BookAccount) =
            switch cause {
            case .invoice: (.receivable, .taxPayable)
            case .receipt: (.cash, .taxPayable)
            case .creditNote: (.taxPayable, .receivable)
            case .creditNoteOfPaid: (.taxPayable, .cash)
            case .payment: (.cash, .receivable)
            }
        return BookEntry(
            source: "\(cause.name)_tax",
            reference: number,
            date: date,
            description: cause == .payment ? "tax paid with \(number)" : "tax of \(number)",
            lines: [BookLine(debit, amount), BookLine(credit, -amount)]
        )
    }
}

extension BookedTax.Cause {
    fileprivate var name: String {
        switch self {
        case .invoice: "invoice"
        case .receipt: "receipt"
        case .creditNote, .creditNoteOfPaid: "credit_note"
        case .payment: "payment"
        }
    }
}

/// What documents add to an account's books.
struct BookedDocuments: Sendable {
    /// In the order in which it was stated.
    let taxes: [BookedTax]
    /// The events of grants that give back what credit notes took of paid invoices.
    let creditedGrants: Set<EventID>

    /// - Parameter end: what was issued or paid from then on is left out.
    static func read(
        of account: AccountSummary,
        before end: Instant,
        _ database: Database
    ) async throws(LedgerError) -> BookedDocuments {
        try await database.ledgerRead { session in
            let issued = try issued(account, end, session)
            let notes = issued.compactMap(\.note)
            let grants = try creditedGrants(among: notes, of: account, session)
            let stated = issued.map { $0.tax(isOfPaid: $0.note.map(grants.contains) ?? false) }
            let paid = try paid(account, end, session).map { payment in
                // What credit notes before the payment had left of the invoice's tax.
                let taken = zip(issued, stated).filter { document, tax in
                    document.corrects == payment.number && tax.cause == .creditNote
                }
                return payment.less(taken.reduce(.zero) { $0 + $1.1.amount })
            }
            return BookedDocuments(
                taxes: (stated + paid).filter { $0.amount > .zero }
                    .sorted { ($0.instant, $0.number) < ($1.instant, $1.number) },
                creditedGrants: grants
            )
        }
    }

    private static func issued(
        _ account: AccountSummary,
        _ end: Instant,
        _ session: Session
    ) throws -> [IssuedDocument] {
        try session.execute(
            """
            SELECT number, kind AS cause, tax, issued_at AS instant, corrects, event_id,
                to_char(issued_on, 'YYYY-MM-DD') AS day
            FROM documents
            WHERE account_id = \(account.id) AND issued_at < \(end)
                AND (tax > 0 OR kind = 'credit_note')
            """
        ).map { row in
            IssuedDocument(
                base: try BookedTax(row, account.currency),
                note: try row.get("event_id"),
                corrects: try row.get("corrects")
            )
        }
    }

    private static func paid(
        _ account: AccountSummary,
        _ end: Instant,
        _ session: Session
    ) throws -> [BookedTax] {
        try session.execute(
            """
            SELECT number, 'payment' AS cause, tax, paid_at AS instant,
                to_char(paid_at AT TIME ZONE documents.time_zone, 'YYYY-MM-DD') AS day
            FROM document_payments JOIN documents USING (account_id, number)
            WHERE account_id = \(account.id) AND paid_at < \(end)
            """
        ).map { try BookedTax($0, account.currency) }
    }

    /// The credit notes of paid invoices, by their events, which are grants.
    private static func creditedGrants(
        among notes: [EventID],
        of account: AccountSummary,
        _ session: Session
    ) throws -> Set<EventID> {
        guard !notes.isEmpty else { return [] }
        let grants = try session.execute(
            """
            SELECT event_id FROM events
            WHERE account_id = \(account.id) AND event_id = ANY(\(notes))
                AND kind = 'credit_granted'
            """
        )
        return Set(try grants.map { try $0.get("event_id", as: EventID.self) })
    }
}

/// A document with a tax, or a credit note.
private struct IssuedDocument {
    let base: BookedTax
    /// What a credit note moved the balance by.
    let note: EventID?
    let corrects: String?

    func tax(isOfPaid: Bool) -> BookedTax {
        guard isOfPaid else { return base }
        return BookedTax(
            cause: .creditNoteOfPaid,
            number: base.number,
            amount: base.amount,
            instant: base.instant,
            date: base.date
        )
    }
}

extension BookedTax {
    fileprivate func less(_ part: Pico) -> BookedTax {
        BookedTax(
            cause: cause,
            number: number,
            amount: amount - part,
            instant: instant,
            date: date
        )
    }

    fileprivate init(_ row: Row, _ currency: Currency) throws {
        cause =
            switch try row.get("cause", as: String.self) {
            case "invoice": .invoice
            case "receipt": .receipt
            case "credit_note": .creditNote
            case "payment": .payment
            case let other: throw LedgerError(.corrupt, "a document \(other) states a tax")
            }
        guard let date = CalendarDate(try row.get("day", as: String.self)) else {
            throw LedgerError(.corrupt, "a document has no day")
        }
        number = try row.get("number")
        amount = MinorUnits(try row.get("tax")).pico(in: currency)
        instant = try row.get("instant")
        self.date = date
    }
}
