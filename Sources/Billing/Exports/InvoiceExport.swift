import Digest
import Documents
import Schema

/// A finalized document in the formats that it can be taken away in.
///
/// All are made of its stored bytes alone, and of the logo that its issuer had when it was issued: so
/// the same document is the same export for ever.
package struct InvoiceExport: Sendable {
    /// The formats, by the names that the command line uses.
    package enum Format: String, CaseIterable, Sendable {
        case json
        case csv
        case pdf
        case ubl
    }

    private let stored: [UInt8]
    private let document: InvoiceDocument
    private let logo: Picture?

    /// Takes the canonical bytes of a document, and its issuer's logo.
    package init(stored: [UInt8], logo: Logo? = nil) throws {
        self.stored = stored
        self.logo = try logo?.picture()
        document = try DocumentEncoding.decode(stored)
    }

    /// The document in a format; throws `ExportError` for what the format cannot hold.
    package func bytes(_ format: Format) throws(ExportError) -> [UInt8] {
        switch format {
        case .json: stored
        case .csv: Array(LinesCSV(document).text.utf8)
        case .ubl: Array(try UBLInvoice(document).text.utf8)
        case .pdf: try pdf()
        }
    }

    private func pdf() throws(ExportError) -> [UInt8] {
        let pages = InvoicePages(document, hash: DocumentEncoding.hash(stored), logo: logo).document
        do {
            return try pages.pdf()
        } catch {
            throw .drawing("\(error)")
        }
    }
}
