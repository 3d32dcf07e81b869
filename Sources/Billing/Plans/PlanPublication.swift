import Digest
import Postgres
import Schema

/// Publishes what plans make of the price list, in the transaction that changes either.
///
/// A plan's prices change at every instant at which the list or its own terms do. So from the
/// change on they are made anew for every such instant, and what differs becomes a version of the
/// plan's line: a charge never computes a plan.
struct PlanPublication {
    private let session: Session
    private let currency: Currency
    private let now: Instant
    private let revisions: [PlanRevision]
    /// Those that are published here included.
    private var headers: [PriceVersionHeader]
    /// The list by the versions that it was merged of.
    private var lists: [[PriceVersion]: [String: ModelPrices]] = [:]

    /// - Precondition: The transaction holds the lock of publications, and has written its change.
    init(_ session: Session, _ currency: Currency) throws {
        self.session = session
        self.currency = currency
        now = try PriceRows.now(session)
        headers = try PriceRows.headers(session)
        revisions = try PlanRows.revisions(session).filter { $0.currency == currency }
    }

    /// Brings every plan's prices up to a list version that was just written.
    mutating func follow(_ header: PriceVersionHeader) throws {
        for plan in Set(revisions.map(\.plan)).sorted() {
            try publish(plan, from: header.effectiveAt)
        }
    }

    /// Publishes one plan's prices as they are from an instant on.
    mutating func publish(_ plan: String, from start: Instant) throws {
        let terms = revisions.filter { $0.plan == plan }
        guard let first = terms.first else { return }
        let changes =
            headers.filter { PriceSource.list.contains($0.source) && $0.currency == currency }
            .map(\.effectiveAt) + terms.map(\.effectiveAt)
        let start = max(start, first.effectiveAt)
        for instant in Set(changes.filter { $0 > start } + [start]).sorted() {
            let inForce = terms.filter { $0.effectiveAt <= instant }.max {
                ($0.effectiveAt, $0.number) < ($1.effectiveAt, $1.number)
            }
            if let inForce { try publish(inForce, at: instant) }
        }
    }

    private mutating func publish(_ terms: PlanRevision, at instant: Instant) throws {
        let sheet = try sheet(of: terms, at: instant)
        let digest = sheet.digest.bytes
        if headers.inForce(terms.line, at: instant)?.sha256 == digest { return }
        try PriceBook.check(sheet)
        let header = PriceVersionHeader(
            version: PriceVersion((headers.last?.version.number ?? 0) + 1),
            line: terms.line,
            effectiveAt: instant,
            publishedAt: now,
            sha256: digest
        )
        try PriceRows.insert(session, header, sheet.models)
        headers.append(header)
    }

    /// The exact prices of a plan's terms by the list of an instant.
    mutating func sheet(of terms: PlanRevision, at instant: Instant) throws -> PriceSheet {
        PriceSheet(terms.line, models: terms.adjustments.prices(from: try list(at: instant)))
    }

    private mutating func list(at instant: Instant) throws -> [String: ModelPrices] {
        let versions = PriceSource.list.compactMap {
            headers.inForce(PriceLine($0, currency), at: instant)?.version
        }
        if let list = lists[versions] { return list }
        var list: [String: ModelPrices] = [:]
        for version in versions {
            let models = try PriceRows.models(session, version)
            // In the order of the sources, so the first one wins.
            list.merge(models) { first, _ in first }
        }
        lists[versions] = list
        return list
    }
}
