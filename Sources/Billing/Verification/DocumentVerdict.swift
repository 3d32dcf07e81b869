import Ledger
import Postgres
import Schema

/// What came of making a document again.
package struct DocumentVerdict: Hashable, Sendable {
    package let number: String
    package var differences: [DocumentDifference] = []
    /// Why it cannot be made again; nil where it was.
    package var failure: String?

    /// Whether it is what its events make of it.
    package var isOK: Bool { differences.isEmpty && failure == nil }
}

extension Invoices {
    /// Makes a finalized document again and compares it to the byte.
    ///
    /// A month's is made of the events alone: no checkpoint, no projection and nothing that was
    /// kept of closed months is read, only compared. Its whole stream up to the closing version is
    /// folded, so it takes as long as the stream is.
    ///
    /// - Throws: `.notFound`. A document that cannot be made again is a verdict too.
    package func verify(_ number: String) async throws(LedgerError) -> DocumentVerdict {
        do {
            return try await database.transaction(.repeatableRead) { [prices] session in
                try VerifyDocument(session: session, prices: prices).run(number)
            }
        } catch {
            throw LedgerError(wrapping: error)
        }
    }

    /// The numbers of all finalized documents, in their order.
    package func numbers() async throws(LedgerError) -> [String] {
        try await database.ledgerRead { session in
            try session.execute(
                "SELECT number FROM documents ORDER BY issuer, series, year, sequence"
            ).map { try $0.get("number") }
        }
    }
}
