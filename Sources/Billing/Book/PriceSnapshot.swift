import Schema

/// A price version's own facts, without its prices.
package struct PriceVersionHeader: Hashable, Sendable {
    package let version: PriceVersion
    package let source: PriceSource
    package let currency: Currency
    package let effectiveAt: Instant
    package let publishedAt: Instant
    /// Of the content, as `PriceSheet.digest`.
    package let sha256: [UInt8]

    package init(
        version: PriceVersion,
        source: PriceSource,
        currency: Currency,
        effectiveAt: Instant,
        publishedAt: Instant,
        sha256: [UInt8]
    ) {
        self.version = version
        self.source = source
        self.currency = currency
        self.effectiveAt = effectiveAt
        self.publishedAt = publishedAt
        self.sha256 = sha256
    }
}

/// The prices in force and those to come, immutable, shared by every loop of an instance.
///
/// In each currency every source has its own line of versions: at an instant, of those that are
/// effective the latest effective is in force, and of those the latest published. For a model an
/// exact name goes before a pattern, a longer pattern before a shorter, and among equals the
/// operator's own prices before the community's.
package struct PriceSnapshot: Sendable {
    package static let empty = PriceSnapshot([])

    private struct Line: Hashable {
        let currency: Currency
        let source: PriceSource
    }

    /// Each line's editions, the last that took effect first.
    private let lines: [Line: [PriceEdition]]

    package init(_ editions: [PriceEdition]) {
        lines = Dictionary(grouping: editions) {
            Line(currency: $0.header.currency, source: $0.header.source)
        }.mapValues { $0.sorted { $0.rank > $1.rank } }
    }

    /// What the model costs in this currency at this instant; nil when it has no price then.
    package func terms(model: String, currency: Currency, at instant: Instant) -> PriceTerms? {
        var best: (match: ModelPattern.Specificity, terms: PriceTerms)?
        for source in PriceSource.allCases {
            guard let edition = edition(currency, source, at: instant),
                let found = edition.find(model)
            else { continue }
            // The sources are in their order, so only a better match replaces an earlier one.
            if best.map({ found.match > $0.match }) ?? true { best = found }
        }
        return best?.terms
    }

    /// Whether the model has a price in any currency at this instant.
    package func hasPrice(model: String, at instant: Instant) -> Bool {
        Set(lines.keys.map(\.currency))
            .contains { terms(model: model, currency: $0, at: instant) != nil }
    }

    /// The version of a source that is in force at an instant.
    package func edition(
        _ currency: Currency,
        _ source: PriceSource,
        at instant: Instant
    ) -> PriceEdition? {
        lines[Line(currency: currency, source: source)]?
            .first { $0.header.effectiveAt <= instant }
    }

    /// Every edition that the snapshot holds, by version.
    package var editions: [PriceEdition] {
        lines.values.flatMap { $0 }.sorted { $0.header.version < $1.header.version }
    }
}

/// A price version with its prices, indexed for finding a model.
package final class PriceEdition: Sendable {
    package let header: PriceVersionHeader
    private let byName: [String: PriceTerms]
    /// Longest first; two different prefixes of one length never match the same name.
    private let patterns: [(pattern: ModelPattern, terms: PriceTerms)]

    package init(_ header: PriceVersionHeader, models: [String: ModelPrices]) {
        self.header = header
        byName = models.reduce(into: [:]) { result, model in
            result[model.key] = model.value.terms(
                version: header.version,
                model: model.key,
                currency: header.currency
            )
        }
        patterns = byName.compactMap { name, terms in
            guard let pattern = ModelPattern(name), pattern.isPrefix else { return nil }
            return (pattern, terms)
        }.sorted { $0.pattern.specificity > $1.pattern.specificity }
    }

    package var modelCount: Int { byName.count }

    /// The terms of every model and pattern, by name.
    package var allTerms: [PriceTerms] { byName.values.sorted { $0.model < $1.model } }

    /// The terms under exactly this name or pattern.
    package subscript(name: String) -> PriceTerms? { byName[name] }

    /// The terms that a model is charged by in this version; nil when it has no price here.
    package func terms(for model: String) -> PriceTerms? { find(model)?.terms }

    func find(_ model: String) -> (match: ModelPattern.Specificity, terms: PriceTerms)? {
        if let terms = byName[model] { return (.exact(model), terms) }
        guard let found = patterns.first(where: { $0.pattern.matches(model) }) else { return nil }
        return (found.pattern.specificity, found.terms)
    }

    fileprivate var rank: (Int64, Int64) {
        (header.effectiveAt.microseconds, header.version.number)
    }
}
