import Schema

/// Why a document has no export of the format that was asked for.
package enum ExportError: Error, Hashable, Sendable, CustomStringConvertible {
    /// A statement asks for nothing, so there is no electronic invoice of it.
    case noInvoice(String)
    /// What EN 16931 requires, and the document does not say.
    case incomplete(String)
    /// EN 16931 knows no more than two decimals.
    case tooPrecise(Currency)
    /// The pages cannot be drawn.
    case drawing(String)

    package var description: String {
        switch self {
        case .noInvoice(let number):
            "\(number) is a statement: UBL is for invoices, receipts and credit notes"
        case .incomplete(let what):
            "EN 16931 requires \(what), which this document does not have"
        case .tooPrecise(let currency):
            "EN 16931 allows two decimals, and \(currency) has \(currency.exponent)"
        case .drawing(let message): message
        }
    }
}
