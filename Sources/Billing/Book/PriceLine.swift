import Schema

/// Where a price version came from, which decides whose price wins for a model in several.
package enum PriceSource: String, CaseIterable, Sendable {
    /// The operator's own prices, before the community's.
    case farebox
    /// The community's price file.
    case litellm
    /// A plan's exact prices, made from the list.
    case plan
    /// What upstreams charge, where that is not the community's price; never a customer's.
    case cost

    /// The sources of the price list, the one that wins first.
    package static let list: [PriceSource] = [.farebox, .litellm]
}

/// Versions that replace one another: those of one source and currency, and for a plan's of it.
package struct PriceLine: Hashable, Sendable, CustomStringConvertible {
    package let source: PriceSource
    package let currency: Currency
    /// Nil for every source but `.plan`.
    package let plan: String?

    package init(_ source: PriceSource, _ currency: Currency, plan: String? = nil) {
        self.source = source
        self.currency = currency
        self.plan = plan
    }

    package var description: String {
        [source.rawValue, plan, currency.code].compactMap(\.self).joined(separator: " ")
    }
}

/// A price version's own facts, without its prices.
package struct PriceVersionHeader: Hashable, Sendable {
    package let version: PriceVersion
    package let line: PriceLine
    package let effectiveAt: Instant
    package let publishedAt: Instant
    /// Of the content, as `PriceSheet.digest`.
    package let sha256: [UInt8]

    package init(
        version: PriceVersion,
        line: PriceLine,
        effectiveAt: Instant,
        publishedAt: Instant,
        sha256: [UInt8]
    ) {
        self.version = version
        self.line = line
        self.effectiveAt = effectiveAt
        self.publishedAt = publishedAt
        self.sha256 = sha256
    }

    package var source: PriceSource { line.source }
    package var currency: Currency { line.currency }

    /// Whether the other version takes over from this one.
    func precedes(_ other: PriceVersionHeader) -> Bool {
        (effectiveAt, version) < (other.effectiveAt, other.version)
    }
}

extension Sequence<PriceVersionHeader> {
    /// The version of a line that is in force at an instant: the latest effective, and of those
    /// the latest published.
    func inForce(_ line: PriceLine, at instant: Instant) -> PriceVersionHeader? {
        filter { $0.line == line && $0.effectiveAt <= instant }.max { $0.precedes($1) }
    }
}
