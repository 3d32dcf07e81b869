import Ledger
import Postgres
import Schema

/// Cost and usage of a month by FOCUS 1.0, for the programs of FinOps.
///
/// Made of the accounts' streams, documents and published prices alone. Accounts are read one after
/// the other and page by page, so that memory stays flat; it takes as long as the streams are.
package struct FocusExport: Sendable {
    private let database: Database

    package init(_ database: Database) {
        self.database = database
    }

    /// Writes a month as comma-separated values.
    ///
    /// - Parameters:
    ///   - account: the slug of the only account; nil for all, in the order of their slugs.
    ///   - write: is given the text part by part.
    /// - Throws: `.notFound`; `.refused` for a month that has not begun; what `write` throws.
    package func export(
        _ month: Month,
        of account: String?,
        at now: Instant,
        to write: (String) async throws -> Void
    ) async throws {
        let slugs = try await ExportedAccounts(database).slugs(account, month, at: now)
        var (csv, shared) = (FocusCSV(), FocusShared(database))
        for slug in slugs {
            let reader = try await BookReader.open(slug, month, at: now, database)
            guard let bounds = reader.bounds(of: month) else { continue }
            var part = try await FocusMonth(reader, bounds, shared, database)
            while let rows = try await part.next() {
                for row in rows { csv.append(row, part.context) }
                if csv.isWorthWriting { try await write(csv.take()) }
            }
            shared = part.shared
        }
        try await write(csv.take())
    }
}
