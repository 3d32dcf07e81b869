import Ledger
import Postgres
import Schema

extension Issuer {
    /// What the numbers of a kind of document begin with; each has a run of its own.
    func series(of kind: DocumentKind) -> String { Self.series(of: kind, series) }

    private static func series(of kind: DocumentKind, _ series: String) -> String {
        switch kind {
        case .invoice, .statement: series
        case .creditNote: "\(series)-CN"
        case .receipt: "\(series)-R"
        }
    }

    /// The key of the advisory lock that new revisions take in turn: ASCII “fb issue”.
    private static let revisionLock: Int64 = 0x6662_2069_7373_7565

    /// Makes the transaction the only one that records issuers.
    static func lock(_ session: Session) throws {
        _ = try session.execute("SELECT pg_advisory_xact_lock(\(revisionLock))")
    }

    /// Refuses a series in which another issuer has numbered documents, or could have.
    ///
    /// A number would name two documents. Needs the lock. Numbers end in a year and a sequence, so they differ wherever series do. The series of all
    /// revisions count, for documents keep the numbers that they have.
    func requireOwnSeries(_ session: Session) throws {
        let own = Set(DocumentKind.allCases.map { series(of: $0) })
        for row in try session.execute(
            "SELECT DISTINCT issuer, series FROM issuers WHERE issuer <> \(slug) ORDER BY issuer"
        ) {
            let taken = try row.get("series", as: String.self)
            let common = DocumentKind.allCases.map { Self.series(of: $0, taken) }
                .first { own.contains($0) }
            guard let common else { continue }
            throw LedgerError(
                .conflict,
                "\(try row.get("issuer", as: String.self)) numbers documents \(common)-… already:"
                    + " choose another --series"
            )
        }
    }
}
