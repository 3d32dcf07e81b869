import Digest
import Ledger
import Postgres
import Schema

extension Invoices {
    /// A finalized document, ready to be taken away; throws `.notFound`.
    package func export(of number: String) async throws(LedgerError) -> InvoiceExport {
        let (bytes, logo) = try await database.ledgerRead { session in
            (try Self.stored(number, session).bytes, try Self.logo(number, session))
        }
        do {
            return try InvoiceExport(stored: bytes, logo: logo)
        } catch {
            throw LedgerError(.corrupt, "the document \(number) cannot be read: \(error)")
        }
    }

    /// The calls on the document of a month, page by page.
    ///
    /// - Throws: `.notFound`; `.refused` for a document that is not of a month.
    package func calls(
        of number: String,
        pageSize: Int64 = 5_000
    ) async throws(LedgerError) -> CallPages {
        let database = database
        return try await database.ledgerRead { session in
            let (account, bytes) = try Self.stored(number, session)
            let document = try DocumentEncoding.decode(bytes)
            guard let month = document.period?.month else {
                throw LedgerError(.refused, "\(number) is of no month, and has no calls")
            }
            return CallPages(
                database,
                try ClosedPeriod(month, of: account, session),
                pageSize: pageSize,
                CallsCSV(
                    currency: document.currency,
                    projects: try MonthFacts.projects(of: account, session)
                )
            )
        }
    }

    /// The logo of a document's issuer, as it was when it was issued.
    private static func logo(_ number: String, _ session: Session) throws -> Logo? {
        try session.execute(
            """
            SELECT logo, logo_png FROM documents JOIN issuers
                ON issuers.issuer = documents.issuer AND revision = issuer_revision
            WHERE number = \(number)
            """
        ).first.flatMap { try Logo($0) }
    }

    /// The bytes that are stored of a document, which must be those of its hash.
    static func stored(
        _ number: String,
        _ session: Session
    ) throws -> (account: AccountID, bytes: [UInt8]) {
        let rows = try session.execute(
            "SELECT account_id, body, sha256 FROM documents WHERE number = \(number)"
        )
        guard let row = rows.first else {
            throw LedgerError(.notFound, "no document \(number)")
        }
        let bytes = Array(try row.get("body", as: String.self).utf8)
        guard try row.get("sha256", as: SHA256Digest.self) == DocumentEncoding.hash(bytes) else {
            throw LedgerError(.corrupt, "the document \(number) is not what its hash says")
        }
        return (try row.get("account_id"), bytes)
    }
}

/// The calls of a document as comma-separated values, read as they are asked for.
///
/// Events never change, so pages that are read one after the other are of one state.
package struct CallPages {
    private let database: Database
    private let period: ClosedPeriod
    private let pageSize: Int64
    private var csv: CallsCSV
    /// The last version that was read; nil behind the end.
    private var version: Int64? = 0

    init(_ database: Database, _ period: ClosedPeriod, pageSize: Int64, _ csv: CallsCSV) {
        self.database = database
        self.period = period
        self.pageSize = pageSize
        self.csv = csv
    }

    /// The next records, the line of names before the first; nil at the end.
    package mutating func next() async throws(LedgerError) -> String? {
        guard let version else { return nil }
        let calls = try await database.ledgerRead { [period, pageSize] session in
            try period.calls(behind: version, limit: pageSize, session)
        }
        for call in calls { csv.append(call) }
        self.version = calls.last?.version
        return csv.take()
    }
}
