import Digest
import Ledger
import Postgres
import Schema

/// What publishing a sheet would do, or did.
package struct PricePublication: Hashable, Sendable {
    package enum Outcome: Hashable, Sendable {
        /// It is a version now, or would be.
        case published
        /// It is what the source's newest version says already; nothing was done.
        case unchanged
    }

    package let outcome: Outcome
    /// The version that has the sheet's content.
    package let header: PriceVersionHeader
    /// Against the source's version that would otherwise be in force at its effective instant.
    package let diff: PriceDiff
    /// Prices that moved a thousandfold against what would be in force, whatever its source.
    package let jumps: [PriceDiff.Change]
    /// The version of the line that is to take effect later, and will take over from this one.
    package let takenOverBy: PriceVersionHeader?
}

extension PricePublication {
    init(unchanged newest: PriceVersionHeader) {
        self.init(
            outcome: .unchanged,
            header: newest,
            diff: PriceDiff(from: nil, to: PriceSheet(newest.line)),
            jumps: [],
            takenOverBy: nil
        )
    }
}

extension PriceBook {
    /// The key of the advisory lock that publications take in turn: ASCII “fb price”.
    private static let publicationLock: Int64 = 0x6662_2070_7269_6365

    /// Makes the transaction the only one that publishes: numbers and predecessors stay true.
    static func lock(_ session: Session) throws {
        _ = try session.execute("SELECT pg_advisory_xact_lock(\(publicationLock))")
    }

    /// Publishes a sheet as the next version, for good, and the plans' prices that follow from it.
    ///
    /// Without `effectiveAt` it takes effect after the notice, and at once when it is the first
    /// of its currency. Publishing what the line's newest version says, or what would be in force
    /// then anyway, does nothing, so a repeat is safe. Throws `.jumps` and `.overlaps` unless forced, `.effectiveTooSoon`,
    /// `.defect`.
    package func publish(
        _ sheet: PriceSheet,
        effectiveAt: Instant? = nil,
        isForced: Bool = false
    ) async throws(PriceBookError) -> PricePublication {
        try Self.check(sheet)
        let act = Act.current
        do {
            return try await database.transaction { session in
                try act?.announce(session)
                try Self.lock(session)
                let publication = try Self.compare(sheet, effectiveAt, session)
                guard publication.outcome == .published else { return publication }
                if !isForced {
                    if let later = publication.takenOverBy { throw PriceBookError.overlaps(later) }
                    if !publication.jumps.isEmpty { throw PriceBookError.jumps(publication.jumps) }
                }
                try PriceRows.insert(session, publication.header, sheet.models)
                if PriceSource.list.contains(sheet.source) {
                    var plans = try PlanPublication(session, sheet.currency)
                    try plans.follow(publication.header)
                }
                return publication
            }
        } catch {
            throw PriceBookError(error)
        }
    }

    /// What `publish` would do now, without doing it.
    package func preview(
        _ sheet: PriceSheet,
        effectiveAt: Instant? = nil
    ) async throws(PriceBookError) -> PricePublication {
        try Self.check(sheet)
        return try await reading { session in try Self.compare(sheet, effectiveAt, session) }
    }

    static func check(_ sheet: PriceSheet) throws(PriceBookError) {
        for (model, prices) in sheet.models.sorted(by: { $0.key < $1.key }) {
            if ModelPattern(model) == nil { throw .defect(model: model, "not a name or a prefix") }
            if let defect = prices.defect { throw .defect(model: model, defect) }
        }
    }

    private static func compare(
        _ sheet: PriceSheet,
        _ effectiveAt: Instant?,
        _ session: Session
    ) throws -> PricePublication {
        let headers = try PriceRows.headers(session)
        let now = try PriceRows.now(session)
        let digest = sheet.digest.bytes
        if let newest = headers.last(where: { $0.line == sheet.line }), newest.sha256 == digest {
            return PricePublication(unchanged: newest)
        }
        let isFirst = !headers.contains { $0.currency == sheet.currency }
        let earliest = now.adding(seconds: isFirst ? 0 : noticeSeconds)
        if let effectiveAt, !isFirst, effectiveAt < earliest {
            throw PriceBookError.effectiveTooSoon(earliest: earliest)
        }
        // In force then anyway: a configured file that is older than what is scheduled.
        let effective = effectiveAt ?? earliest
        if let inForce = headers.inForce(sheet.line, at: effective), inForce.sha256 == digest {
            return PricePublication(unchanged: inForce)
        }
        let header = PriceVersionHeader(
            version: PriceVersion((headers.last?.version.number ?? 0) + 1),
            line: sheet.line,
            effectiveAt: effective,
            publishedAt: now,
            sha256: digest
        )
        return try compare(header, sheet, with: headers, session)
    }

    private static func compare(
        _ header: PriceVersionHeader,
        _ sheet: PriceSheet,
        with headers: [PriceVersionHeader],
        _ session: Session
    ) throws -> PricePublication {
        func models(_ line: PriceLine) throws -> [String: ModelPrices]? {
            try headers.inForce(line, at: header.effectiveAt)
                .map { try PriceRows.models(session, $0.version) }
        }
        let own = try models(sheet.line)
        // A slip in the first price of one's own shows against the community's price.
        var anySource = PriceSheet(sheet.line, models: own ?? [:])
        for source in PriceSource.list where source != sheet.source {
            let other = try models(PriceLine(source, sheet.currency)) ?? [:]
            anySource.models.merge(other) { first, _ in first }
        }
        return PricePublication(
            outcome: .published,
            header: header,
            diff: PriceDiff(from: own.map { PriceSheet(sheet.line, models: $0) }, to: sheet),
            jumps: PriceDiff(from: anySource, to: sheet).jumps,
            takenOverBy: headers.filter { $0.line == sheet.line && header.precedes($0) }
                .min { $0.precedes($1) }
        )
    }
}
