import Digest
import Schema

/// What one model costs, before it belongs to a version.
package struct ModelPrices: Hashable, Sendable {
    package var tokenPrices: [PriceKey: Pico] = [:]
    package var fees: [FeeKind: Pico] = [:]
    /// The longest prompt that the model takes, in tokens; nil when unknown.
    package var inputTokensMax: Int64?
    /// The longest answer that the model gives, in tokens; nil when unknown.
    package var outputTokensMax: Int64?

    package init() {}

    /// Why these prices cannot be published; nil when they can.
    ///
    /// Every call has a price for its prompt and its answer, so nothing is ever free by omission.
    package var defect: String? {
        for tokenClass in [TokenClass.input, .output] where tokenPrices[PriceKey(tokenClass)] == nil
        {
            return "no \(tokenClass.rawValue) price"
        }
        let all = Array(tokenPrices.values) + Array(fees.values)
        if all.contains(where: { $0 < .zero }) { return "a negative price" }
        if all.contains(where: { $0 > PriceTerms.priceMax }) { return "a price above the largest" }
        if tokenPrices.keys.contains(where: { $0.contextTier < .base }) {
            return "a negative context threshold"
        }
        let limits = [inputTokensMax, outputTokensMax].compactMap { $0 }
        if limits.contains(where: { $0 < 1 || $0 > TokenUsage.countMax }) {
            return "a token limit out of range"
        }
        return nil
    }

    /// Whether no token and no call costs anything.
    package var isFree: Bool {
        tokenPrices.values.allSatisfy { $0 == .zero } && fees.values.allSatisfy { $0 == .zero }
    }

    /// These prices as the terms of a version.
    package func terms(version: PriceVersion, model: String, currency: Currency) -> PriceTerms {
        var terms = PriceTerms(version: version, model: model, currency: currency)
        terms.tokenPrices = PriceTable(tokenPrices)
        terms.fees = fees
        terms.inputTokensMax = inputTokensMax
        terms.outputTokensMax = outputTokensMax
        return terms
    }
}

/// All prices of one line: the content of a price version.
package struct PriceSheet: Hashable, Sendable {
    package let line: PriceLine
    /// By model name, or by a pattern: a prefix and `*`.
    package var models: [String: ModelPrices]

    package init(_ line: PriceLine, models: [String: ModelPrices] = [:]) {
        self.line = line
        self.models = models
    }

    package init(source: PriceSource, currency: Currency) {
        self.init(PriceLine(source, currency))
    }

    package var source: PriceSource { line.source }
    package var currency: Currency { line.currency }

    /// SHA-256 of the content, independent of the order and notation of the file it came from.
    package var digest: SHA256Digest {
        SHA256.hash(Array(canonicalText.utf8))
    }

    /// One line for each fact, sorted; names are prefixed by their length so none can be forged.
    private var canonicalText: String {
        var lines = ["farebox-prices/1", source.rawValue, currency.code]
        for (model, prices) in models.sorted(by: { $0.key < $1.key }) {
            lines.append("model \(model.utf8.count) \(model)")
            if let limit = prices.inputTokensMax { lines.append("input_tokens_max \(limit)") }
            if let limit = prices.outputTokensMax { lines.append("output_tokens_max \(limit)") }
            for (key, price) in prices.tokenPrices.sorted(by: { $0.key < $1.key }) {
                lines.append("token \(key.description) \(price.units)")
            }
            for (kind, price) in prices.fees.sorted(by: { $0.key.rawValue < $1.key.rawValue }) {
                lines.append("fee \(kind.rawValue) \(price.units)")
            }
        }
        return lines.joined(separator: "\n")
    }
}
