import Digest
import Ledger
import Postgres
import Schema

/// Closes the first open month of an account and finalizes its document, in one transaction that
/// its caller begins and commits.
///
/// The head is locked from the first step to the commit, so two closers come one after the other,
/// and the second finds the month closed. Whatever step a process dies at, nothing has happened.
/// A long stream must have been caught up with before, see `PeriodCatchUp`: calls wait meanwhile.
struct CloseMonth {
    let session: Session
    let prices: PriceMemory
    let months: MonthMemory
    let now: Instant

    /// What was done.
    enum Outcome {
        case closed(StoredDocument)
        /// Nothing is open up to the month that was asked for.
        case nothingOpen
    }

    /// - Parameters:
    ///   - usage: what was read of the month before the lock; nil to read all of it here.
    ///   - events: the identifiers of the events, minted before, so that the transaction can be
    ///     repeated while its outcome is unknown.
    func run(
        _ slug: String,
        through last: Month,
        _ usage: ReadUsage? = nil,
        events: (EventID, EventID)
    ) throws -> Outcome {
        try session.keepPlans()
        let account = try AccountSummary.lock(slug: slug, session)
        guard account.version > 0 else { return .nothingOpen }
        let calendar = try months.calendar(of: account, through: now, session)
        let store = PeriodStore(session)
        let fold = try store.read(account.id, at: account.version, calendar)
        guard let month = fold.firstOpen, month <= last else { return .nothingOpen }
        // The last one's end, not this one's: a command that is refused must close nothing.
        guard let bounds = calendar.bounds(of: month),
            let end = calendar.bounds(of: last)?.endsAt, end <= now
        else {
            throw LedgerError(.refused, "the month \(last) of \(slug) is not over")
        }
        guard let profile = try BillingProfile.read(account.id, session),
            let issuer = try Issuer.read(profile.issuer, session)
        else {
            throw LedgerError(.refused, "no billing details: farebox account billing \(slug)")
        }
        let tax = try TaxRule.inForce(account.id, atEndOf: bounds, session)
        let facts = try MonthFacts(
            account,
            bounds,
            fold,
            calendar,
            prices,
            read: usage,
            session
        )
        var document = try InvoiceDocument(
            facts,
            issuer: issuer.party,
            customer: profile.party,
            tax: tax
        )
        try store.keep(fold, of: account.id)
        let closing = PeriodClosed(
            month: month,
            endsAt: bounds.endsAt,
            chargedFrom: issuer.chargedFrom(monthEnding: bounds.endsAt)
        )
        try close(account.id, bounds, closing, fold.version, facts.rows, events.0)
        let seal = try DocumentSeals.last(of: account.id, upTo: fold.version, session)
        document.seals = seal.map { [$0] } ?? []
        let basis = FinalizeDocument.Basis(
            issuer: issuer,
            profile: profile.revision,
            tax: tax?.revision
        )
        let stored = try FinalizeDocument(session: session, now: now)
            .run(document, of: account, on: basis)
        if document.totals.booked != .zero {
            try AppendTransaction(session).runOne(
                Event(
                    account: account.id,
                    id: events.1,
                    occurredAt: now,
                    body: .rounding(
                        InvoiceRounding(amount: document.totals.booked, invoice: stored.number)
                    )
                )
            )
        }
        return .closed(stored)
    }

    private func close(
        _ account: AccountID,
        _ bounds: MonthCalendar.Bounds,
        _ closing: PeriodClosed,
        _ version: Int64,
        _ rows: [UsageRow],
        _ event: EventID
    ) throws {
        try AppendTransaction(session).runOne(
            Event(
                account: account,
                id: event,
                occurredAt: now,
                body: .periodClosed(closing)
            )
        )
        _ = try session.executePrepared(
            """
            INSERT INTO periods (account_id, month, previous_month, starts_at, ends_at,
                closing_version, closed_at)
            VALUES (\(account), \(bounds.month.firstDay)::date, (SELECT max(month) FROM periods
                WHERE account_id = \(account)), \(bounds.startsAt), \(bounds.endsAt),
                \(version), \(now))
            """
        )
        try UsageRow.insert(rows, bounds.month, of: account, session)
    }
}

/// The day of an instant in a zone, as PostgreSQL has it.
enum LocalDate {
    static func of(_ instant: Instant, _ zone: String, _ session: Session) throws -> CalendarDate {
        let text = try session.executePrepared(
            "SELECT to_char(\(instant)::timestamptz AT TIME ZONE \(zone), 'YYYY-MM-DD') AS day"
        ).single().get("day", as: String.self)
        guard let date = CalendarDate(text) else {
            throw LedgerError(.corrupt, "the day \(text) is none")
        }
        return date
    }
}

/// The seals that documents state.
enum DocumentSeals {
    static func last(
        of account: AccountID,
        upTo version: Int64,
        _ session: Session
    ) throws -> DocumentSeal? {
        try session.executePrepared(
            """
            SELECT first_version, last_version, encode(hash, 'hex') AS hash FROM seals
            WHERE account_id = \(account) AND last_version <= \(version)
            ORDER BY first_version DESC LIMIT 1
            """
        ).first.map { row in
            DocumentSeal(
                firstVersion: try row.get("first_version"),
                lastVersion: try row.get("last_version"),
                sha256: try row.get("hash")
            )
        }
    }
}
