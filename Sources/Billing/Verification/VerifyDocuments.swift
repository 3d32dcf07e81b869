import Ledger
import Postgres
import Schema

/// Makes finalized documents of one account again, in a transaction that its caller begins, and
/// names what of the stored ones differs.
struct VerifyDocuments {
    let session: Session
    let prices: PriceMemory

    /// A document that was made again, and what differed on the way to it.
    struct Remade {
        var document: InvoiceDocument
        var differences: [DocumentDifference]
    }

    /// One document, of the stream up to the end of its month.
    ///
    /// - Throws: `.notFound`.
    func one(_ number: String) throws -> DocumentVerdict {
        try verdict(of: number) {
            let record = try DocumentRecord(number, session)
            let months = try record.month.map {
                try StreamMonths(
                    of: record.account,
                    [$0],
                    isWhole: false,
                    issuedAt: record.issuedAt,
                    session
                )
            }
            return try differences(record, months)
        }
    }

    /// All documents of an account, by one reading of its stream.
    func all(of account: AccountID) throws -> Invoices.VerificationReport {
        let rows = try session.execute(
            """
            SELECT number, slug, to_char(month, 'YYYY-MM') AS month, issued_at
            FROM documents JOIN accounts USING (account_id)
            WHERE account_id = \(account) ORDER BY issuer, series, year, sequence
            """
        )
        var report = Invoices.VerificationReport()
        guard let first = rows.first else { return report }
        let issuedAt = try rows.map { try $0.get("issued_at", as: Instant.self) }.max()
        let months = try StreamMonths(
            of: try AccountSummary.read(slug: first.get("slug"), session),
            Set(try rows.compactMap { Month(try $0.get("month", as: String?.self) ?? "") }),
            isWhole: true,
            issuedAt: issuedAt ?? Instant(microseconds: 0),
            session
        )
        for row in rows {
            let number = try row.get("number", as: String.self)
            report.add(
                try verdict(of: number) {
                    try differences(try DocumentRecord(number, of: account, session), months)
                }
            )
        }
        report.wrong += strays(months)
        return report
    }

    /// A document that cannot be made again is a verdict too.
    private func verdict(
        of number: String,
        _ body: () throws -> [DocumentDifference]
    ) throws -> DocumentVerdict {
        do {
            return DocumentVerdict(number: number, differences: try body())
        } catch let error as LedgerError where error.code == .corrupt {
            return DocumentVerdict(number: number, failure: error.message)
        }
    }

    private func differences(
        _ record: DocumentRecord,
        _ months: StreamMonths?
    ) throws -> [DocumentDifference] {
        let remade = try remake(record, months)
        return try record.differences(from: remade.document) + remade.differences
    }

    private func remake(_ record: DocumentRecord, _ months: StreamMonths?) throws -> Remade {
        switch record.kind {
        case .invoice, .statement:
            guard let months else {
                throw LedgerError(.corrupt, "\(record.number) is of no month")
            }
            return try RemakeMonth(session, prices).run(record, months)
        case .creditNote: return try RemakeCreditNote(session).run(record)
        case .receipt: return try RemakeReceipt(session, months?.withdrawals).run(record)
        }
    }

    /// Roundings that stand nowhere behind the close of a month, where a document books its own.
    private func strays(_ months: StreamMonths) -> [DocumentVerdict] {
        let places = Set(months.all.map { $0.version + 2 })
        return months.roundings.filter { !places.contains($0.version) }.map { stray in
            DocumentVerdict(
                number: stray.rounding.invoice,
                failure: "version \(stray.version) of the stream books a rounding of"
                    + " \(stray.rounding.amount) that no document has"
            )
        }
    }
}
