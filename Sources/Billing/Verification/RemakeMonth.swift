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

    func run(_ record: DocumentRecord) throws -> VerifyDocument.Remade {
        guard let month = record.month else {
            throw LedgerError(.corrupt, "\(record.number) is of no month")
        }
        let account = record.account
        let closed = try ClosedPeriod(inEvents: month, of: account.id, session)
        let calendar = try MonthCalendar(of: account.id, through: record.issuedAt, session)
        guard let bounds = calendar.bounds(of: month) else {
            throw LedgerError(.corrupt, "\(record.number) was issued before its month")
        }
        let fold = try PeriodStore(session).read(
            account.id,
            at: closed.closingVersion,
            calendar,
            fromEvents: true
        )
        let facts = try MonthFacts(account, bounds, fold, prices, closed: closed, session)
        let document = try InvoiceDocument(
            facts,
            issuer: record.issuer.party,
            customer: record.profile.party,
            tax: record.taxRule
        )
        let kept = try ClosedPeriod(month, of: account.id, session)
        return VerifyDocument.Remade(
            document: try record.finalize(document, session),
            differences: periodDifferences(kept, closed)
                + chargingDifferences(record.issuer, closed)
                + lineDifferences(try UsageRow.kept(month, of: account.id, session), facts.rows)
        )
    }

    /// The row of the month against the event that closed it.
    private func periodDifferences(
        _ kept: ClosedPeriod,
        _ closed: ClosedPeriod
    ) -> [DocumentDifference] {
        [
            DocumentDifference(
                of: "periods.closing_version",
                stored: "\(kept.closingVersion)",
                recomputed: "\(closed.closingVersion)"
            ),
            DocumentDifference(
                of: "periods.ends_at",
                stored: "\(kept.endsAt)",
                recomputed: "\(closed.endsAt)"
            ),
        ].compactMap(\.self)
    }

    /// What the close said of usage that comes behind it, against what its issuer had set.
    private func chargingDifferences(
        _ issuer: Issuer,
        _ closed: ClosedPeriod
    ) -> [DocumentDifference] {
        [
            DocumentDifference(
                of: "events.charged_from",
                stored: closed.chargedFrom?.description,
                recomputed: issuer.chargedFrom(monthEnding: closed.endsAt)?.description
            )
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
