import Digest
import Ledger
import Postgres
import Schema

/// A finalized document as it is stored, with the revisions that it rests on.
struct DocumentRecord {
    /// With the time zone that it had then.
    let account: AccountSummary
    let number: String
    let kind: DocumentKind
    /// Nil for what is not of a month.
    let month: Month?
    /// The number of the document that a credit note corrects.
    let corrects: String?
    /// The event by which a credit note moved the balance.
    let event: EventID?
    /// The grant that a receipt is for.
    let grant: GrantID?
    let year: Int32
    let sequence: Int64
    let issuedAt: Instant
    /// The days that it states: of its issue, and of the payment that a receipt is for.
    let issuedOn: CalendarDate
    let paidOn: CalendarDate?
    let sealVersion: Int64?
    let net: MinorUnits
    let tax: MinorUnits
    let due: MinorUnits
    let issuer: Issuer
    let profile: BillingProfile
    let taxRule: TaxRule?
    let body: [UInt8]
    let hash: SHA256Digest
    private let series: String

    /// - Parameter owner: whose document it must be; nil for anybody's.
    /// - Throws: `.notFound`, and `.corrupt` where something that it rests on is gone.
    init(_ number: String, of owner: AccountID? = nil, _ session: Session) throws {
        let rows = try session.execute(
            """
            SELECT documents.*, slug, to_char(month, 'YYYY-MM') AS month_text,
                to_char(issued_on, 'YYYY-MM-DD') AS issue_day,
                to_char(paid_on, 'YYYY-MM-DD') AS payment_day
            FROM documents JOIN accounts USING (account_id)
            WHERE number = \(number) AND account_id = coalesce(\(owner), account_id)
            """
        )
        guard let row = rows.first else { throw LedgerError(.notFound, "no document \(number)") }
        self.number = number
        var account = try AccountSummary.read(slug: row.get("slug"), session)
        account.timeZone = try row.get("time_zone")
        self.account = account
        guard let kind = DocumentKind(rawValue: try row.get("kind")) else {
            throw LedgerError(.corrupt, "\(number) is of an unknown kind")
        }
        self.kind = kind
        month = try row.get("month_text", as: String?.self).flatMap { Month($0) }
        corrects = try row.get("corrects")
        event = try row.get("event_id")
        grant = try row.get("grant_id")
        (series, year) = (try row.get("series"), try row.get("year"))
        sequence = try row.get("sequence")
        issuedAt = try row.get("issued_at")
        guard let day = CalendarDate(try row.get("issue_day", as: String.self)) else {
            throw LedgerError(.corrupt, "\(number) was issued on no day")
        }
        issuedOn = day
        paidOn = try row.get("payment_day", as: String?.self).flatMap { CalendarDate($0) }
        sealVersion = try row.get("seal_version")
        net = MinorUnits(try row.get("net"))
        tax = MinorUnits(try row.get("tax"))
        due = MinorUnits(try row.get("due"))
        body = Array(try row.get("body", as: String.self).utf8)
        hash = try row.get("sha256")
        let issuerRevision = try row.get("issuer_revision", as: Int64.self)
        let issuerSlug = try row.get("issuer", as: String.self)
        let profileRevision = try row.get("profile_revision", as: Int64.self)
        let taxRevision = try row.get("tax_revision", as: Int64?.self)
        guard
            let issuer = try Issuer.read(issuerSlug, revision: issuerRevision, session),
            let profile = try BillingProfile.read(account.id, revision: profileRevision, session)
        else { throw LedgerError(.corrupt, "the parties of \(number) are gone") }
        self.issuer = issuer
        self.profile = profile
        taxRule = try Self.taxRule(taxRevision, of: account.id, session)
    }

    private static func taxRule(
        _ revision: Int64?,
        of account: AccountID,
        _ session: Session
    ) throws -> TaxRule? {
        guard let revision else { return nil }
        guard let rule = try TaxRule.read(account, revision: revision, session) else {
            throw LedgerError(.corrupt, "the tax rule \(revision) is gone")
        }
        return rule
    }

    /// Gives a remade document the number, the dates and the seal of this one.
    func finalize(_ draft: InvoiceDocument, _ session: Session) throws -> InvoiceDocument {
        var document = draft
        document.setDates(issuedAt, on: issuedOn)
        if let sealVersion {
            let seal = try DocumentSeals.last(of: account.id, upTo: sealVersion, session)
            document.seals = seal.map { [$0] } ?? []
        }
        document.number = FinalizeDocument.number(issuer.series(of: kind), year, sequence)
        return document
    }

    /// What of the row is not as the document would be stored if it was finalized anew.
    func differences(from remade: InvoiceDocument) throws -> [DocumentDifference] {
        let bytes = try DocumentEncoding.encode(remade)
        let totals = remade.totals
        let columns: [(String, String?, String?)] = [
            ("number", number, remade.number),
            ("kind", kind.rawValue, remade.kind.rawValue),
            ("series", series, issuer.series(of: remade.kind)),
            ("year", "\(year)", remade.issueDate.map { "\($0.year)" }),
            ("net", "\(net.count)", "\(totals.net.count)"),
            ("tax", "\(tax.count)", "\(totals.tax.count)"),
            ("due", "\(due.count)", "\(totals.due.count)"),
            ("sha256", hash.description, DocumentEncoding.hash(body).description),
        ]
        return DocumentDifference.between(body, bytes)
            + columns.compactMap { name, stored, recomputed in
                DocumentDifference(
                    of: "documents.\(name)",
                    stored: stored,
                    recomputed: recomputed
                )
            }
    }
}
