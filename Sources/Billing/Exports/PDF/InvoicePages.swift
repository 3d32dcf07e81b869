import Digest
import Documents
import Schema

/// A document as A4 pages: who, what for, how much, and how it can be proved.
struct InvoicePages {
    private typealias Typography = InvoiceTypography

    private let invoice: InvoiceDocument
    private let hash: SHA256Digest
    private let logo: Picture?

    /// The hash is that of the document's canonical bytes.
    init(_ invoice: InvoiceDocument, hash: SHA256Digest, logo: Picture? = nil) {
        self.invoice = invoice
        self.hash = hash
        self.logo = logo
    }

    var document: Document {
        let name = [invoice.title, invoice.number].compactMap(\.self).joined(separator: " ")
        let (issuer, imprint) = (invoice.issuer.legalName, imprint)
        return Document(
            title: name,
            author: issuer,
            creator: "Farebox",
            date: "\(invoice.issueDate ?? CalendarDate(daysSince1970: 0))T00:00:00Z",
            blocks: InvoiceHead(invoice, logo: logo).blocks + InvoiceLines(invoice).blocks
                + InvoiceTotals(invoice).blocks + InvoiceBalances(invoice).blocks
                + InvoiceProof(invoice, hash: hash).blocks,
            head: { _ in [Self.line(issuer, name, Typography.soft, share: 2)] },
            foot: { page in
                let position = "Page \(page.number) of \(page.count)"
                return [
                    .rule(Typography.hairline), .gap(.points(6)),
                    Self.line(imprint, position, Typography.small, share: 4),
                ]
            }
        )
    }

    private var imprint: String {
        let issuer = invoice.issuer
        let others = [
            issuer.email, issuer.taxIdentifier.map { "VAT ID \($0)" },
            issuer.bankAccount.map { "Account \($0)" },
        ]
        return ([issuer.legalName] + others.compactMap(\.self)).joined(separator: " · ")
    }

    /// A text at either margin, the left one so many times as wide as the right.
    private static func line(
        _ left: String,
        _ right: String,
        _ style: TextStyle,
        share: Int
    ) -> Block {
        .columns([
            Column(share: share, [Typography.text(left, style)]),
            Column(share: 1, [Typography.text(right, style, .right)]),
        ])
    }
}

extension InvoiceDocument {
    /// What the document is called.
    var title: String {
        if number == nil { return "Draft" }
        return switch kind {
        case .invoice: "Invoice"
        case .statement: "Statement"
        case .receipt: "Receipt"
        case .creditNote: "Credit note"
        }
    }

    /// An amount as people read it, without the currency.
    func printed(_ amount: MinorUnits) -> String {
        PrintedText.grouped(amount.decimal(in: currency))
    }
}
