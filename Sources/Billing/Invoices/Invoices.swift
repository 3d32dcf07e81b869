import Digest
import Ledger
import Postgres
import Schema

/// A finalized document, as it is stored.
package struct StoredDocument: Hashable, Sendable {
    package let document: InvoiceDocument
    /// Of its canonical bytes, in hexadecimal digits.
    package let sha256: String
    /// What has become of it since.
    package var standing = DocumentStanding()

    package init(document: InvoiceDocument, sha256: String) {
        self.document = document
        self.sha256 = sha256
    }

    package var number: String { document.number ?? "" }
}

/// Drafts, closes, lists and shows the documents of months.
package struct Invoices: Sendable {
    let database: Database
    let prices = PriceMemory()
    let months = MonthMemory()

    package init(_ database: Database) {
        self.database = database
    }

    /// What a close came to: documents, and accounts that could not be closed, which stopped no
    /// other.
    package struct CloseReport: Sendable {
        package var documents: [StoredDocument] = []
        package var failures: [(account: String, error: LedgerError)] = []

        package init() {}
    }

    /// The document of an open month as it stands now; nothing is written.
    ///
    /// - Parameter month: nil for the month that it is in the account's zone.
    package func draft(
        _ slug: String,
        _ month: Month? = nil,
        at now: Instant
    ) async throws(LedgerError) -> InvoiceDocument? {
        try await database.ledgerSnapshot { [prices, months] session in
            // Planned for this very month, its statement would read all of the stream for what the
            // projection lacks of it.
            try session.keepPlans()
            let account = try AccountSummary.read(slug: slug, session)
            guard account.version > 0 else { return nil }
            let calendar = try months.calendar(of: account, through: now, session)
            let month = month ?? calendar.month(of: now)
            let fold = try PeriodStore(session).read(account.id, at: account.version, calendar)
            guard let first = fold.firstOpen, first <= month,
                let bounds = calendar.bounds(of: month)
            else {
                throw LedgerError(.refused, "the month \(month) of \(slug) is not open")
            }
            let profile = try BillingProfile.read(account.id, session)
            let issuer = try profile.flatMap { try Issuer.read($0.issuer, session) }
            return try InvoiceDocument(
                MonthFacts(account, bounds, fold, calendar, prices, session),
                issuer: issuer?.party ?? DocumentParty(legalName: ""),
                customer: profile?.party ?? DocumentParty(legalName: account.name),
                tax: TaxRule.inForce(account.id, atEndOf: bounds, session)
            )
        }
    }

    /// Closes all open months of an account up to a month; the same again changes nothing.
    package func close(
        _ slug: String,
        through month: Month,
        at now: Instant
    ) async throws(LedgerError) -> [StoredDocument] {
        let count = try await PeriodCatchUp(database).run(slug, at: now)
        var closed: [StoredDocument] = []
        while true {
            let events = (EventID.make(at: now), EventID.make(at: now))
            let usage = count >= ReadUsage.eventsMin ? try await readUsage(slug, at: now) : nil
            let outcome = try await database.ledgerCommand { [prices, months] session in
                try CloseMonth(session: session, prices: prices, months: months, now: now)
                    .run(slug, through: month, usage, events: events)
            }
            guard case .closed(let document) = outcome else { return closed }
            closed.append(document)
            if document.document.period?.month == month { return closed }
        }
    }

    /// The usage of an account's first open month until now, read without a lock.
    private func readUsage(
        _ slug: String,
        at now: Instant
    ) async throws(LedgerError) -> ReadUsage? {
        try await database.ledgerSnapshot { [months] session in
            try session.keepPlans()
            let account = try AccountSummary.read(slug: slug, session)
            let calendar = try months.calendar(of: account, through: now, session)
            let fold = try PeriodStore(session).read(account.id, at: account.version, calendar)
            guard let bounds = fold.firstOpen.flatMap({ calendar.bounds(of: $0) }) else {
                return nil
            }
            return try ReadUsage(fold, bounds, of: account.id, calendar, session)
        }
    }

    /// Closes all accounts that have billing details, several at once; one that fails stops no
    /// other, and the same again does what is left.
    package func closeAll(
        through month: Month,
        at now: Instant,
        width: Int = 4
    ) async throws(LedgerError) -> CloseReport {
        let slugs = try await database.ledgerRead { session in
            try session.execute(
                """
                SELECT slug FROM accounts WHERE account_id IN (
                    SELECT account_id FROM billing_profiles) ORDER BY slug
                """
            ).map { try $0.get("slug", as: String.self) }
        }
        let rounds = ClosingRounds(slugs)
        await withDiscardingTaskGroup { group in
            for _ in 0..<width {
                group.addTask {
                    while let slug = rounds.next() {
                        do throws(LedgerError) {
                            rounds.closed(try await close(slug, through: month, at: now))
                        } catch {
                            rounds.failed(slug, error)
                        }
                    }
                }
            }
        }
        return rounds.report
    }

    /// Finalized documents by number, of an account or a month or all.
    package func list(
        account: String? = nil,
        month: Month? = nil
    ) async throws(LedgerError) -> [StoredDocument] {
        try await database.ledgerRead { session in
            try session.execute(
                """
                SELECT \(DocumentStanding.columns) FROM \(DocumentStanding.source)
                    JOIN accounts USING (account_id)
                WHERE slug = coalesce(\(account), slug)
                    AND (\(month == nil) OR month = \(month?.firstDay)::date)
                ORDER BY issuer, series, year, sequence
                """
            ).map { try StoredDocument($0) }
        }
    }

    /// One finalized document; throws `.notFound`.
    package func show(_ number: String) async throws(LedgerError) -> StoredDocument {
        try await database.ledgerRead { session in
            let rows = try session.execute(
                """
                SELECT \(DocumentStanding.columns) FROM \(DocumentStanding.source)
                WHERE number = \(number)
                """
            )
            guard let row = rows.first else {
                throw LedgerError(.notFound, "no document \(number)")
            }
            return try StoredDocument(row)
        }
    }
}

extension StoredDocument {
    /// Reads a row, whose bytes must be those of its hash.
    init(_ row: Row) throws {
        let bytes = Array(try row.get("body", as: String.self).utf8)
        let hash = DocumentEncoding.hash(bytes)
        guard try row.get("sha256", as: SHA256Digest.self) == hash else {
            throw LedgerError(.corrupt, "a document is not what its hash says")
        }
        self.init(document: try DocumentEncoding.decode(bytes), sha256: hash.description)
        standing = try DocumentStanding(row)
    }
}
