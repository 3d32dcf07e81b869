import Ledger
import Postgres
import Schema

/// What came of making a document again.
package struct DocumentVerdict: Hashable, Sendable {
    package let number: String
    package var differences: [DocumentDifference] = []
    /// What is wrong with it where it cannot be compared; nil where it was.
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
        try await verifying { documents in try documents.one(number) }
    }

    /// What came of making all documents again.
    package struct VerificationReport: Sendable {
        package internal(set) var documents = 0
        /// What is wrong: documents, and numbers that are missing, doubled or nobody's.
        package internal(set) var wrong: [DocumentVerdict] = []

        package init() {}

        /// Counts a document that was made again.
        package mutating func add(_ verdict: DocumentVerdict) {
            documents += 1
            if !verdict.isOK { wrong.append(verdict) }
        }
    }

    /// Makes every finalized document again, each account's by one reading of its stream, and
    /// looks for numbers that are missing or doubled.
    ///
    /// Accounts come one after the other, each as of one instant, and what is right of one is
    /// forgotten before the next: memory is that of the largest.
    package func verifyAll() async throws(LedgerError) -> VerificationReport {
        var report = VerificationReport()
        for account in try await accountsWithDocuments() {
            let part = try await verifying { documents in try documents.all(of: account) }
            report.documents += part.documents
            report.wrong += part.wrong
        }
        let numbers = try await database.ledgerRead { session in
            try DocumentNumbers(session).findings()
        }
        report.wrong += numbers
        return report
    }

    private func accountsWithDocuments() async throws(LedgerError) -> [AccountID] {
        try await database.ledgerRead { session in
            try session.execute("SELECT DISTINCT account_id FROM documents ORDER BY account_id")
                .map { try $0.get("account_id") }
        }
    }

    private func verifying<Outcome: Sendable>(
        _ body: @escaping @Sendable (VerifyDocuments) throws -> Outcome
    ) async throws(LedgerError) -> Outcome {
        try await database.ledgerSnapshot { [prices] session in
            try body(VerifyDocuments(session: session, prices: prices))
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
