import Ledger
import Postgres
import Schema

/// What of which invoice is taken back, and why.
package struct InvoiceCredit: Hashable, Sendable {
    /// The invoice's number.
    package var number: String
    package var reason: String
    /// With tax, in the invoice's currency; nil for all that is left.
    package var amount: Pico?

    package init(number: String, reason: String, amount: Pico? = nil) {
        self.number = number
        self.reason = reason
        self.amount = amount
    }
}

/// Takes an invoice back, whole or in part, by a credit note: the note, its number and the event
/// that moves the balance are one transaction, which its caller begins and commits.
///
/// Of an invoice that is not paid less is owed. What was paid comes back as a paid grant, for it
/// must not pay usage that later invoices ask for.
struct CreditInvoice {
    let session: Session
    let now: Instant
    /// Minted before, so that the transaction can be repeated while its outcome is unknown.
    let event: EventID
    let grant: GrantID

    func run(_ credit: InvoiceCredit, _ command: IdempotentCommand) throws -> StoredDocument {
        let invoice = try CorrectedInvoice.lock(credit.number, session)
        let known = try command.recorded(for: invoice.account.id, session)
        if let note = try note(of: known ?? UUIDBytes(event), invoice.account) { return note }
        let stored = invoice.stored
        try requireInvoice(stored)
        let split = try split(credit.amount, of: stored)
        let draft = Self.document(split, of: stored.document, credit.reason)
        let basis = FinalizeDocument.Basis(
            issuer: invoice.issuer,
            profile: invoice.profileRevision,
            tax: invoice.taxRevision,
            event: event
        )
        let note = try FinalizeDocument(session: session, now: now)
            .run(draft, of: invoice.account, on: basis)
        try post(note, credit, invoice)
        try command.record(UUIDBytes(event), for: invoice.account.id, session)
        return note
    }

    /// The note of an earlier attempt.
    private func note(of event: UUIDBytes, _ account: AccountSummary) throws -> StoredDocument? {
        try session.execute(
            """
            SELECT \(DocumentStanding.columns) FROM \(DocumentStanding.source)
            WHERE documents.account_id = \(account.id) AND documents.event_id = \(event)
            """
        ).first.map { try StoredDocument($0) }
    }

    private func requireInvoice(_ stored: StoredDocument) throws(LedgerError) {
        let (number, slug) = (stored.number, stored.document.account)
        switch stored.document.kind {
        case .invoice: return
        case .statement:
            throw LedgerError(
                .refused,
                "\(number) is a statement, which asks for nothing: correct the balance with"
                    + " farebox credit adjust \(slug)"
            )
        case .receipt:
            throw LedgerError(
                .refused,
                "\(number) is a receipt of a grant: take the grant back with farebox credit void"
            )
        case .creditNote:
            throw LedgerError(.refused, "\(number) is a credit note, which cannot be credited")
        }
    }

    private func split(_ wanted: Pico?, of stored: StoredDocument) throws -> CreditSplit {
        let (totals, currency) = (stored.document.totals, stored.document.currency)
        let net = totals.net - stored.standing.creditedNet
        let tax = totals.tax - stored.standing.creditedTax
        let left = net + tax
        var amount = left
        if let wanted {
            guard let exact = currency.exactly(wanted), exact > .zero else {
                throw LedgerError(
                    .invalid,
                    "the amount must be above zero and in whole units of \(currency)"
                        + " \(currency.minorUnit)"
                )
            }
            amount = exact
        }
        guard let split = CreditSplit(amount, ofNet: net, tax: tax), split.net > .zero else {
            throw LedgerError(
                .refused,
                "\(stored.number) has \(left.decimal(in: currency)) \(currency) left to credit"
            )
        }
        return split
    }

    /// The note without a number.
    ///
    /// Pure: the same split makes the same document, and so the same bytes.
    static func document(
        _ split: CreditSplit,
        of invoice: InvoiceDocument,
        _ reason: String
    ) -> InvoiceDocument {
        let exact = split.net.pico(in: invoice.currency)
        var note = InvoiceDocument(
            kind: .creditNote,
            account: invoice.account,
            currency: invoice.currency,
            timeZone: invoice.timeZone,
            issuer: invoice.issuer,
            customer: invoice.customer,
            totals: DocumentTotals(exact: exact, subtotal: split.net, tax: split.tax)
        )
        note.reason = reason
        if let number = invoice.number, let date = invoice.issueDate {
            note.corrects = DocumentReference(number: number, kind: invoice.kind, issueDate: date)
        }
        note.lines = [
            DocumentLine(item: .correction, quantity: 1, exact: exact, amount: split.net)
        ]
        // A document has one rule of taxation, or none.
        note.taxes = invoice.taxes.prefix(1).map { tax in
            var tax = tax
            (tax.base, tax.amount) = (split.net, split.tax)
            return tax
        }
        return note
    }

    private func post(
        _ note: StoredDocument,
        _ credit: InvoiceCredit,
        _ invoice: CorrectedInvoice
    ) throws {
        let document = note.document
        let amount = document.totals.net.pico(in: document.currency)
        let act = try HeadAct(invoice.account.id, session)
        if invoice.stored.standing.paymentReference != nil {
            var back = Credits.Grant(account: invoice.account.slug, amount: amount)
            back.reference = note.number
            try Credits.insert(back, grant, event, invoice.account, at: now, session)
        } else {
            let body = CreditNote(
                amount: amount,
                invoice: credit.number,
                number: note.number,
                reason: credit.reason
            )
            try AppendTransaction(session).runOne(
                Event(
                    account: invoice.account.id,
                    id: event,
                    occurredAt: now,
                    body: .creditNote(body)
                )
            )
        }
        try act.record()
    }
}

/// A finalized document that something is to be done to, with its account's head locked.
struct CorrectedInvoice {
    let account: AccountSummary
    let stored: StoredDocument
    let issuer: Issuer
    let profileRevision: Int64
    let taxRevision: Int64?

    static func lock(_ number: String, _ session: Session) throws -> CorrectedInvoice {
        let slug = try session.execute(
            "SELECT slug FROM documents JOIN accounts USING (account_id) WHERE number = \(number)"
        ).first?.get("slug", as: String.self)
        guard let slug else { throw LedgerError(.notFound, "no document \(number)") }
        let account = try AccountSummary.lock(slug: slug, session)
        let row = try session.execute(
            """
            SELECT \(DocumentStanding.columns), documents.issuer, documents.issuer_revision,
                documents.profile_revision, documents.tax_revision
            FROM \(DocumentStanding.source)
            WHERE documents.account_id = \(account.id) AND documents.number = \(number)
            """
        ).single()
        let revision = try row.get("issuer_revision", as: Int64.self)
        let name = try row.get("issuer", as: String.self)
        guard let issuer = try Issuer.read(name, revision: revision, session) else {
            throw LedgerError(.corrupt, "the issuer of \(number) is gone")
        }
        return CorrectedInvoice(
            account: account,
            stored: try StoredDocument(row),
            issuer: issuer,
            profileRevision: try row.get("profile_revision"),
            taxRevision: try row.get("tax_revision")
        )
    }
}
