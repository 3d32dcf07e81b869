import Ledger
import Postgres
import Schema

/// The general ledger of a month, made of the accounts' streams and documents alone.
///
/// Accounts are read one after the other and page by page, so that memory stays flat however many
/// there are, and however long their streams. It takes as long as the streams are.
package struct GeneralLedger: Sendable {
    /// What is written.
    package enum Form: String, CaseIterable, Sendable {
        /// A record for each line of each entry, in exact decimals.
        case entries
        /// A record for each account of the ledger that moved or holds something, in the whole
        /// minor units in which books are kept.
        case balances
    }

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
        as form: Form,
        at now: Instant,
        to write: (String) async throws -> Void
    ) async throws {
        let slugs = try await ExportedAccounts(database).slugs(account, month, at: now)
        var csv = BookCSV(month, form)
        for slug in slugs {
            let reader = try await BookReader.open(slug, month, at: now, database)
            csv.begin(reader.account, isClosed: reader.isClosed)
            let book = try await read(month, reader) { entry in
                csv.append(entry)
                if csv.isWorthWriting { try await write(csv.take()) }
            }
            try csv.end(book)
        }
        try await write(csv.take())
    }

    /// Reads an account's stream and documents to the end of a month, and gives the month's entries
    /// as they are made.
    func read(
        _ month: Month,
        _ reader: BookReader,
        entry: (BookEntry) async throws -> Void
    ) async throws -> MonthBook {
        var (reader, book) = (reader, MonthBook(month))
        guard let bounds = reader.bounds(of: month) else { return book }
        let documents = try await BookedDocuments.read(
            of: reader.account,
            before: bounds.endsAt,
            database
        )
        while let page = try await reader.next() {
            for event in page {
                let id = event.other?.recorded.event.id
                let isCredited = id.map { documents.creditedGrants.contains($0) } ?? false
                guard let made = try book.add(event, isCredited: isCredited) else { continue }
                try await entry(made)
            }
        }
        for tax in documents.taxes {
            guard let made = book.add(tax, in: reader.month(of: tax.instant)) else { continue }
            try await entry(made)
        }
        for made in book.usageEntries { try await entry(made) }
        return book
    }
}

/// Which accounts an export of a month is of.
struct ExportedAccounts {
    private let database: Database

    init(_ database: Database) {
        self.database = database
    }

    /// - Throws: `.notFound`; `.refused` for a month that has begun nowhere yet.
    func slugs(
        _ account: String?,
        _ month: Month,
        at now: Instant
    ) async throws(LedgerError) -> [String] {
        let tomorrow = CalendarDate(daysSince1970: now.microseconds / 86_400_000_000 + 1)
        guard month <= Month(tomorrow) else {
            throw LedgerError(.refused, "the month \(month) has not begun")
        }
        if let account { return [try await Accounts(database).show(account).slug] }
        return try await database.ledgerRead { session in
            try session.execute("SELECT slug FROM accounts ORDER BY slug").map {
                try $0.get("slug", as: String.self)
            }
        }
    }
}
