/// The number of a published, immutable price version; versions are numbered from 1.
package struct PriceVersion: Hashable, Comparable, Sendable, CustomStringConvertible {
    package let number: Int64

    package init(_ number: Int64) {
        self.number = number
    }

    package static func < (left: Self, right: Self) -> Bool { left.number < right.number }

    package var description: String { String(number) }
}

/// What a price is found by, within a version and a model.
package struct PriceKey: Hashable, Sendable {
    package let tokenClass: TokenClass
    package let serviceTier: ServiceTier
    package let contextTier: ContextTier

    package init(
        _ tokenClass: TokenClass,
        _ serviceTier: ServiceTier = .standard,
        _ contextTier: ContextTier = .base
    ) {
        self.tokenClass = tokenClass
        self.serviceTier = serviceTier
        self.contextTier = contextTier
    }
}

extension PriceKey: Comparable, CustomStringConvertible {
    /// By class, tier and threshold, each in its order of declaration.
    package static func < (left: PriceKey, right: PriceKey) -> Bool {
        left.sortKey < right.sortKey
    }

    private var sortKey: (Int, Int, Int32) {
        (
            TokenClass.allCases.firstIndex(of: tokenClass) ?? 0,
            ServiceTier.allCases.firstIndex(of: serviceTier) ?? 0, contextTier.threshold
        )
    }

    /// `input`, `output priority above 272000`.
    package var description: String {
        var text = tokenClass.rawValue
        if serviceTier != .standard { text += " \(serviceTier.rawValue)" }
        if contextTier != .base { text += " above \(contextTier.threshold)" }
        return text
    }
}

/// Every price of one model in one version, in pico-units per token or per call.
package struct PriceTerms: Hashable, Sendable {
    /// The largest price of a token or a call: a thousand units.
    package static let priceMax = Pico(1_000_000_000_000_000)

    package let version: PriceVersion
    package let model: String
    package let currency: Currency
    package var tokenPrices = PriceTable()
    package var fees: [FeeKind: Pico] = [:]
    /// The longest prompt that the model takes, in tokens; nil when the price file is silent.
    package var inputTokensMax: Int64?
    /// The longest answer that the model gives, in tokens; nil when the price file is silent.
    package var outputTokensMax: Int64?

    package init(version: PriceVersion, model: String, currency: Currency) {
        self.version = version
        self.model = model
        self.currency = currency
    }
}
