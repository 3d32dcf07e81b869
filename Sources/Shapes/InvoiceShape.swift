import Billing
import Digest
import Ledger
import Schema

/// A document and what has become of it, as a list shows it.
package struct InvoiceSummary: Sendable {
    package let document: InvoiceDocument
    /// `draft`, or a `DocumentStatus`.
    package let status: String
    /// What credit notes have taken back, with tax.
    package let credited: MinorUnits
    /// What is still to be paid.
    package let outstanding: MinorUnits
    /// Of the canonical bytes, in hexadecimal digits.
    package let sha256: String

    /// Throws `.corrupt` when the draft cannot be written.
    package init(draft: InvoiceDocument) throws(LedgerError) {
        document = draft
        status = "draft"
        credited = .zero
        outstanding = draft.totals.due
        guard let bytes = try? DocumentEncoding.encode(draft) else {
            throw LedgerError(.corrupt, "the draft cannot be written")
        }
        sha256 = DocumentEncoding.hash(bytes).hexadecimal
    }

    package init(stored: StoredDocument) {
        document = stored.document
        status = stored.status.rawValue
        credited = stored.standing.credited
        outstanding = stored.outstanding
        sha256 = stored.sha256
    }

    /// The shape of `invoice list`.
    package var json: JSONNode {
        let (totals, currency) = (document.totals, document.currency)
        func amount(_ amount: MinorUnits) -> JSONNode { .text(amount.decimal(in: currency)) }
        return .object([
            ("number", .optional(document.number)), ("account", .text(document.account)),
            ("month", .optional(document.period?.month.description)),
            ("kind", .text(document.kind.rawValue)), ("status", .text(status)),
            ("currency", .text(currency.code)), ("subtotal", amount(totals.subtotal)),
            ("credits_applied", amount(totals.creditsApplied)),
            ("debts", amount(totals.debts ?? .zero)), ("tax", amount(totals.tax)),
            ("total", amount(totals.total)), ("due", amount(totals.due)),
            ("credited", amount(credited)), ("outstanding", amount(outstanding)),
            ("corrects", .optional(document.corrects?.number)),
            ("lines", .array(document.lines.map { .line($0, currency) })),
            ("events", .integer(document.events)), ("sha256", .text(sha256)),
        ])
    }
}

extension JSONNode {
    fileprivate static func line(_ line: DocumentLine, _ currency: Currency) -> JSONNode {
        .object([
            ("service_month", .optional(line.serviceMonth?.description)),
            ("project", .text(line.project)), ("model", .text(line.model)),
            ("item", .text(line.item.name)), ("service_tier", .text(line.serviceTier.rawValue)),
            ("context_threshold", .integer(Int64(line.contextThreshold))),
            ("price_version", line.priceVersion.map(JSONNode.integer) ?? .null),
            ("quantity", .integer(line.quantity)),
            ("unit_price", .optional(line.unitPrice?.description)),
            ("unit_quantity", .integer(line.priceQuantity)),
            ("uncharged", .text(line.uncharged.description)),
            ("exact", .text(line.exact.description)),
            ("amount", .text(line.amount.decimal(in: currency))),
        ])
    }
}
