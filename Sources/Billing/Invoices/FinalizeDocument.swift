import Digest
import Ledger
import Postgres
import Schema

/// Gives a document its dates and its number and stores it, in its caller's transaction, which has
/// the account's head locked.
struct FinalizeDocument {
    let session: Session
    let now: Instant

    /// What a document rests on.
    struct Basis {
        let issuer: Issuer
        /// Revisions of the billing details and of the tax rule.
        let profile: Int64
        let tax: Int64?
        /// What a credit note moves the balance by.
        var event: EventID?
        /// What a receipt is for.
        var grant: GrantID?
    }

    /// Finalizes a document.
    ///
    /// The number is taken as late as possible, for it waits for whoever has the counter; with the
    /// transaction it is given back, so that numbers have no gap.
    func run(
        _ draft: InvoiceDocument,
        of account: AccountSummary,
        on basis: Basis
    ) throws -> StoredDocument {
        var document = draft
        let date = try LocalDate.of(now, document.timeZone, session)
        document.setDates(now, on: date)
        let series = basis.issuer.series(of: document.kind)
        let year = Int32(date.year)
        let sequence = try next(basis.issuer.slug, series, year)
        document.number = Self.number(series, year, sequence)
        let bytes = try DocumentEncoding.encode(document)
        let hash = DocumentEncoding.hash(bytes)
        let totals = document.totals
        _ = try session.executePrepared(
            """
            INSERT INTO documents (account_id, number, kind, issuer, issuer_revision, series, year,
                sequence, month, corrects, event_id, grant_id, profile_revision, tax_revision,
                seal_version, issued_at, issued_on, paid_on, time_zone, net, tax, due, body,
                sha256)
            VALUES (\(account.id), \(document.number), \(document.kind.rawValue),
                \(basis.issuer.slug), \(basis.issuer.revision), \(series), \(year), \(sequence),
                \(document.period?.month.firstDay)::date, \(document.corrects?.number),
                \(basis.event), \(basis.grant), \(basis.profile), \(basis.tax),
                \(document.seals.last?.lastVersion), \(now), \(date.description)::date,
                \(document.payment?.date.description)::date, \(document.timeZone),
                \(totals.net.count),
                \(totals.tax.count), \(totals.due.count),
                \(String(decoding: bytes, as: UTF8.self)), \(hash))
            """
        )
        let stored = StoredDocument(document: document, sha256: hash.description)
        try AlertOutbox(session)
            .write([stored.alert(of: account.id, at: now)], slugs: [account.id: account.slug])
        return stored
    }

    private func next(_ issuer: String, _ series: String, _ year: Int32) throws -> Int64 {
        try session.executePrepared(
            """
            INSERT INTO document_numbers AS numbers (issuer, series, year, last)
            VALUES (\(issuer), \(series), \(year), 1)
            ON CONFLICT (issuer, series, year) DO UPDATE SET last = numbers.last + 1
            RETURNING last
            """
        ).single().get("last", as: Int64.self)
    }

    /// `INV-2026-00042`.
    static func number(_ series: String, _ year: Int32, _ sequence: Int64) -> String {
        let digits = String(sequence)
        let zeros = String(repeating: "0", count: max(0, 5 - digits.count))
        return "\(series)-\(year)-\(zeros)\(digits)"
    }
}

extension InvoiceDocument {
    /// Sets when it is finalized, and by its customer's terms when it is due.
    mutating func setDates(_ instant: Instant, on day: CalendarDate) {
        issuedAt = instant
        issueDate = day
        guard totals.due > .zero else { return }
        dueDate = day.adding(days: Int64(customer.paymentTermsDays ?? 0))
    }
}

extension StoredDocument {
    /// What endpoints are told of it, in the words of `invoice list`.
    fileprivate func alert(of account: AccountID, at instant: Instant) -> Alert {
        let (totals, currency) = (document.totals, document.currency)
        return Alert(
            .invoiceFinalized,
            of: account,
            at: instant,
            data: [
                ("number", .text(number)), ("kind", .text(document.kind.rawValue)),
                ("month", .optional(document.period?.month.description)),
                ("currency", .text(currency.code)),
                ("total", .text(totals.total.decimal(in: currency))),
                ("due", .text(totals.due.decimal(in: currency))),
                ("due_date", .optional(document.dueDate?.description)),
                ("corrects", .optional(document.corrects?.number)), ("sha256", .text(sha256)),
            ]
        )
    }
}
