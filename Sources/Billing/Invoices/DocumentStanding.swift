import Postgres
import Schema

/// What has become of a finalized document, which itself never changes.
package struct DocumentStanding: Hashable, Sendable {
    /// What credit notes have taken back, without tax and of the tax.
    package var creditedNet = MinorUnits.zero
    package var creditedTax = MinorUnits.zero
    /// How its payment was called; nil while it is not paid.
    package var paymentReference: String?

    package init() {}

    /// What credit notes have taken back, with tax.
    package var credited: MinorUnits { creditedNet + creditedTax }
}

/// A document's state, by the names that the command line uses.
package enum DocumentStatus: String, CaseIterable, Sendable {
    case finalized
    case paid
    /// A part was taken back, and the rest is not paid.
    case partlyCredited = "partly_credited"
    /// The whole was taken back.
    case credited
}

extension StoredDocument {
    package var status: DocumentStatus {
        if standing.credited > .zero, standing.credited == document.totals.total {
            return .credited
        }
        if standing.paymentReference != nil { return .paid }
        return standing.credited > .zero ? .partlyCredited : .finalized
    }

    /// What is still to be paid: what was due less what was credited, or nothing once it is paid.
    package var outstanding: MinorUnits {
        guard standing.paymentReference == nil, document.totals.due > .zero else { return .zero }
        return document.totals.due - standing.credited
    }
}

extension DocumentStanding {
    /// Of `documents` and what was made for it since.
    static let source: SQL = """
        documents LEFT JOIN document_payments AS payments USING (account_id, number)
        CROSS JOIN LATERAL (
            SELECT coalesce(sum(notes.net), 0)::bigint AS credited_net,
                coalesce(sum(notes.tax), 0)::bigint AS credited_tax
            FROM documents AS notes
            WHERE notes.account_id = documents.account_id AND notes.corrects = documents.number
        ) AS notes
        """
    static let columns: SQL = """
        documents.body, documents.sha256, notes.credited_net, notes.credited_tax,
        payments.reference AS payment_reference
        """

    init(_ row: Row) throws {
        creditedNet = MinorUnits(try row.get("credited_net"))
        creditedTax = MinorUnits(try row.get("credited_tax"))
        paymentReference = try row.get("payment_reference")
    }
}
