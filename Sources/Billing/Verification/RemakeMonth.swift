import Ledger
import Postgres
import Schema

/// Makes the document of a closed month again, of the stream alone.
struct RemakeMonth {
    private let session: Session
    private let prices: PriceMemory

    init(_ session: Session, _ prices: PriceMemory) {
        self.session = session
        self.prices = prices
    }

    /// - Parameter months: the account's months, the document's own among them.
    func run(_ record: DocumentRecord, _ months: StreamMonths) throws -> VerifyDocuments.Remade {
        guard let month = record.month else {
            throw LedgerError(.corrupt, "\(record.number) is of no month")
        }
        let account = record.account
        let closed = try months.closed(month)
        guard let bounds = months.calendar.bounds(of: month) else {
            throw LedgerError(.corrupt, "\(record.number) was issued before its month")
        }
        let facts = try MonthFacts(
            account,
            bounds,
            closed.fold,
            months.calendar,
            prices,
            remade: closed.rows,
            session
        )
        let draft = try InvoiceDocument(
            facts,
            issuer: record.issuer.party,
            customer: record.profile.party,
            tax: record.taxRule
        )
        let document = try record.finalize(draft, session)
        let kept = try ClosedPeriod(month, of: account.id, session)
        return VerifyDocuments.Remade(
            document: document,
            differences: periodDifferences(kept, bounds, closed)
                + chargingDifferences(record.issuer, closed.closing)
                + (try roundingDifferences(document, of: account.id, closed))
                + lineDifferences(try UsageRow.kept(month, of: account.id, session), facts.rows)
        )
    }

    /// The row of the month against the event that closed it.
    private func periodDifferences(
        _ kept: ClosedPeriod,
        _ bounds: MonthCalendar.Bounds,
        _ closed: StreamMonths.Closed
    ) -> [DocumentDifference] {
        [
            DocumentDifference(
                of: "periods.starts_at",
                stored: "\(kept.startsAt)",
                recomputed: "\(bounds.startsAt)"
            ),
            DocumentDifference(
                of: "periods.closing_version",
                stored: "\(kept.closingVersion)",
                recomputed: "\(closed.version)"
            ),
            DocumentDifference(
                of: "periods.ends_at",
                stored: "\(kept.endsAt)",
                recomputed: "\(closed.closing.endsAt)"
            ),
        ].compactMap(\.self)
    }

    /// What the close said of usage that comes behind it, against what its issuer had set.
    private func chargingDifferences(
        _ issuer: Issuer,
        _ closing: PeriodClosed
    ) -> [DocumentDifference] {
        [
            DocumentDifference(
                of: "events.charged_from",
                stored: closing.chargedFrom?.description,
                recomputed: issuer.chargedFrom(monthEnding: closing.endsAt)?.description
            )
        ].compactMap(\.self)
    }

    /// The event that books the document's rounding, which comes behind the one that closed its
    /// month; there is none where nothing is booked.
    private func roundingDifferences(
        _ document: InvoiceDocument,
        of account: AccountID,
        _ closed: StreamMonths.Closed
    ) throws -> [DocumentDifference] {
        let booked = try PeriodStore(session).rounding(of: account, at: closed.version + 2)
        let isExpected = document.totals.booked != .zero
        return [
            DocumentDifference(
                of: "events.rounding",
                stored: booked.map { "\($0.amount)" },
                recomputed: isExpected ? "\(document.totals.booked)" : nil
            ),
            DocumentDifference(
                of: "events.invoice",
                stored: booked?.invoice,
                recomputed: isExpected ? document.number : nil
            ),
        ].compactMap(\.self)
    }

    /// What was kept of the month's usage, which later months' documents are less of.
    private func lineDifferences(
        _ kept: [UsageRow],
        _ counted: [UsageRow]
    ) -> [DocumentDifference] {
        let (stored, recomputed) = (values(of: kept), values(of: counted))
        return Set(stored.keys).union(recomputed.keys).sorted().compactMap { group in
            DocumentDifference(
                of: "period_lines[\(group)]",
                stored: stored[group],
                recomputed: recomputed[group]
            )
        }
    }

    /// What was counted in each group, both in words.
    private func values(of rows: [UsageRow]) -> [String: String] {
        var values: [String: String] = [:]
        for row in rows {
            let group =
                "\(row.serviceMonth) \(row.project) \(row.key) \(row.model)"
                + " \(row.priceVersion) \(row.serviceTier.rawValue) \(row.contextThreshold)"
            let tokens = TokenClass.allCases.map { "\(row.tokens[$0])" }.joined(separator: "/")
            values[group] =
                "\(row.charge) for \(row.calls) calls, tokens \(tokens),"
                + " \(row.webSearches) web searches"
        }
        return values
    }
}
