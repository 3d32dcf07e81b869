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
}

extension PriceBook {
    /// The key of the advisory lock that publications take in turn: ASCII “fb price”.
    private static let publicationLock: Int64 = 0x6662_2070_7269_6365

    /// Publishes a sheet as the next version, for good.
    ///
    /// Without `effectiveAt` it takes effect after the notice, and at once when it is the first
    /// of its currency. Publishing what the source's newest version says already does nothing, so
    /// a repeat is safe. Throws `.jumps` unless forced, `.effectiveTooSoon`, `.defect`.
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
                // Held to the end of the transaction: the number and the predecessor stay true.
                _ = try session.execute("SELECT pg_advisory_xact_lock(\(Self.publicationLock))")
                let plan = try Self.plan(sheet, effectiveAt, session)
                guard plan.outcome == .published else { return plan }
                guard isForced || plan.jumps.isEmpty else { throw PriceBookError.jumps(plan.jumps) }
                try PriceRows.insert(session, plan.header, sheet.models)
                return plan
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
        return try await reading { session in try Self.plan(sheet, effectiveAt, session) }
    }

    private static func check(_ sheet: PriceSheet) throws(PriceBookError) {
        for (model, prices) in sheet.models.sorted(by: { $0.key < $1.key }) {
            if ModelPattern(model) == nil { throw .defect(model: model, "not a name or a prefix") }
            if let defect = prices.defect { throw .defect(model: model, defect) }
        }
    }

    private static func plan(
        _ sheet: PriceSheet,
        _ effectiveAt: Instant?,
        _ session: Session
    ) throws -> PricePublication {
        let headers = try PriceRows.headers(session)
        let now = try PriceRows.now(session)
        let digest = sheet.digest.bytes
        let newest = headers.last { $0.source == sheet.source && $0.currency == sheet.currency }
        if let newest, newest.sha256 == digest {
            return PricePublication(
                outcome: .unchanged,
                header: newest,
                diff: PriceDiff(from: sheet, to: sheet),
                jumps: []
            )
        }
        let isFirst = !headers.contains { $0.currency == sheet.currency }
        let earliest = now.adding(seconds: isFirst ? 0 : noticeSeconds)
        if let effectiveAt, !isFirst, effectiveAt < earliest {
            throw PriceBookError.effectiveTooSoon(earliest: earliest)
        }
        let header = PriceVersionHeader(
            version: PriceVersion((headers.last?.version.number ?? 0) + 1),
            source: sheet.source,
            currency: sheet.currency,
            effectiveAt: effectiveAt ?? earliest,
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
        var before: [PriceSource: [String: ModelPrices]] = [:]
        for source in PriceSource.allCases {
            let inForce =
                headers
                .filter { $0.source == source && $0.currency == header.currency }
                .filter { $0.effectiveAt <= header.effectiveAt }
                .max { $0.precedes($1) }
            if let inForce { before[source] = try PriceRows.models(session, inForce.version) }
        }
        var predecessor: PriceSheet?
        if let models = before[sheet.source] {
            predecessor = PriceSheet(source: sheet.source, currency: sheet.currency)
            predecessor?.models = models
        }
        // A slip in the first price of one's own shows against the community's price.
        var anySource = PriceSheet(source: sheet.source, currency: sheet.currency)
        for source in PriceSource.allCases {
            anySource.models.merge(before[source] ?? [:]) { first, _ in first }
        }
        anySource.models.merge(before[sheet.source] ?? [:]) { _, own in own }
        return PricePublication(
            outcome: .published,
            header: header,
            diff: PriceDiff(from: predecessor, to: sheet),
            jumps: PriceDiff(from: anySource, to: sheet).jumps
        )
    }
}
