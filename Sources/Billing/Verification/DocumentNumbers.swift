import Ledger
import Postgres

/// Whether the numbers of an issuer, a series and a year run from 1 to the last that was given,
/// each on one document.
struct DocumentNumbers {
    /// Missing numbers of one run that are named one by one.
    private static let namedMax: Int64 = 100

    private let session: Session

    init(_ session: Session) {
        self.session = session
    }

    /// What is wrong, by number; of the counter of a run, by the run's name with an asterisk.
    func findings() throws -> [DocumentVerdict] {
        try missing() + doubled() + counters()
    }

    /// The gaps before each document of a run, and behind the last one up to the counter.
    private func missing() throws -> [DocumentVerdict] {
        try session.execute(
            """
            WITH given AS (
                SELECT issuer, series, year, sequence FROM documents
                UNION SELECT issuer, series, year, last + 1 FROM document_numbers
            ), gaps AS (
                SELECT issuer, series, year, sequence AS next, coalesce(lag(sequence) OVER (
                    PARTITION BY issuer, series, year ORDER BY sequence), 0) AS before
                FROM given
            )
            SELECT series, year, before, next FROM gaps WHERE next > before + 1
            ORDER BY issuer, series, year, next
            """
        ).flatMap { row in
            let (first, next) = (
                try row.get("before", as: Int64.self) + 1, try row.get("next", as: Int64.self)
            )
            let named = try (first..<min(next, first + Self.namedMax)).map { sequence in
                DocumentVerdict(number: try number(row, sequence), failure: "is missing")
            }
            guard next > first + Self.namedMax else { return named }
            let last = try number(row, next - 1)
            return named + [DocumentVerdict(number: last, failure: "and all before are missing")]
        }
    }

    private func doubled() throws -> [DocumentVerdict] {
        try session.execute(
            """
            SELECT number, count(*) AS count FROM documents
            GROUP BY number HAVING count(*) > 1 ORDER BY number
            """
        ).map { row in
            DocumentVerdict(
                number: try row.get("number"),
                failure: "stands on \(try row.get("count", as: Int64.self)) documents"
            )
        }
    }

    /// Counters that would give a number again.
    private func counters() throws -> [DocumentVerdict] {
        try session.execute(
            """
            SELECT series, year, given.last AS given, document_numbers.last
            FROM (SELECT issuer, series, year, max(sequence) AS last FROM documents
                GROUP BY issuer, series, year) AS given
            LEFT JOIN document_numbers USING (issuer, series, year)
            WHERE coalesce(document_numbers.last, 0) < given.last
            ORDER BY issuer, series, year
            """
        ).map { row in
            let last = try row.get("last", as: Int64?.self)
            return DocumentVerdict(
                number: "\(try row.get("series", as: String.self))-\(try year(row))-*",
                differences: [
                    DocumentDifference(
                        "document_numbers.last",
                        stored: last.map { "\($0)" },
                        recomputed: "\(try row.get("given", as: Int64.self))"
                    )
                ]
            )
        }
    }

    private func number(_ row: Row, _ sequence: Int64) throws -> String {
        FinalizeDocument.number(try row.get("series"), try year(row), sequence)
    }

    private func year(_ row: Row) throws -> Int32 { try row.get("year") }
}
