import Ledger
import Postgres
import Schema

/// Makes a finalized document again, in a transaction that its caller begins, and names what of
/// the stored one differs.
struct VerifyDocument {
    let session: Session
    let prices: PriceMemory

    /// A document that was made again, and what differed on the way to it.
    struct Remade {
        var document: InvoiceDocument
        var differences: [DocumentDifference]
    }

    func run(_ number: String) throws -> DocumentVerdict {
        do {
            let record = try DocumentRecord(number, session)
            let remade = try remake(record)
            return DocumentVerdict(
                number: number,
                differences: try record.differences(from: remade.document) + remade.differences
            )
        } catch let error as LedgerError where error.code == .corrupt {
            return DocumentVerdict(number: number, failure: error.message)
        }
    }

    private func remake(_ record: DocumentRecord) throws -> Remade {
        switch record.kind {
        case .invoice, .statement: return try RemakeMonth(session, prices).run(record)
        case .creditNote: return try RemakeCreditNote(session).run(record)
        case .receipt: return try RemakeReceipt(session).run(record)
        }
    }
}
