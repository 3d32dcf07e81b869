import Schema

/// What a key of the community price file means to Farebox.
package enum LiteLLMKey: Hashable, Sendable {
    /// A price of a token class.
    case token(PriceKey)
    /// The price of reasoning tokens, which Farebox counts as output.
    case reasoning(ServiceTier, ContextTier)
    /// A price per call, in units.
    case fee(FeeKind)
    /// An object of prices per web search, by how much is searched.
    case webSearch
    /// A list of prices by ranges of prompt length.
    case tieredPricing
    case inputTokensMax
    case outputTokensMax
    /// The older limit, which stands for the output's when that is missing.
    case tokensMax
    /// A price that no call can avoid and Farebox cannot charge.
    case unpriceable
    /// A price of something that Farebox does not offer, or an unknown key about prices.
    case unpriced
    /// Says nothing about prices.
    case information

    package init(_ key: String) {
        switch key {
        case "max_input_tokens": self = .inputTokensMax
        case "max_output_tokens": self = .outputTokensMax
        case "max_tokens": self = .tokensMax
        case "tiered_pricing": self = .tieredPricing
        case "search_context_cost_per_query": self = .webSearch
        case "input_cost_per_request": self = .fee(.request)
        case "citation_cost_per_token", "output_cost_per_image_token", "output_cost_per_image",
            "output_cost_per_video_token":
            self = .unpriceable
        default:
            self = Self.tokenKey(key) ?? (Self.isAboutPrices(key) ? .unpriced : .information)
        }
    }

    /// Reads `BASE[_above_1hr][_above_200k_tokens][_priority]`; nil for any other key.
    private static func tokenKey(_ key: String) -> LiteLLMKey? {
        var rest = key[...]
        let tier = rest.takeServiceTier()
        guard let context = rest.takeContextTier() else { return nil }
        let isLong = rest.takeSuffix("_above_1hr")
        if isLong, rest != "cache_creation_input_token_cost" { return nil }
        let tokenClass: TokenClass
        switch rest {
        case "input_cost_per_token": tokenClass = .input
        case "output_cost_per_token": tokenClass = .output
        case "cache_read_input_token_cost", "input_cost_per_token_cache_hit":
            tokenClass = .cacheRead
        case "cache_creation_input_token_cost":
            tokenClass = isLong ? .cacheWriteLong : .cacheWriteShort
        case "input_cost_per_audio_token": tokenClass = .audioInput
        case "input_cost_per_image_token": tokenClass = .imageInput
        case "output_cost_per_audio_token": tokenClass = .audioOutput
        case "output_cost_per_reasoning_token": return .reasoning(tier, context)
        default: return nil
        }
        return .token(PriceKey(tokenClass, tier, context))
    }

    private static func isAboutPrices(_ key: String) -> Bool {
        ["cost", "pricing", "price", "multiplier", "fee", "provider_specific_entry"]
            .contains { key.contains($0) }
    }
}

extension Substring {
    fileprivate mutating func takeSuffix(_ suffix: String) -> Bool {
        guard hasSuffix(suffix) else { return false }
        removeLast(suffix.count)
        return true
    }

    fileprivate mutating func takeServiceTier() -> ServiceTier {
        if takeSuffix("_flex") { return .flex }
        if takeSuffix("_priority") { return .priority }
        return takeSuffix("_batches") ? .batch : .standard
    }

    /// Removes `_above_200k_tokens`; the base tier when it is not there, nil when it is malformed.
    fileprivate mutating func takeContextTier() -> ContextTier? {
        guard takeSuffix("k_tokens") else { return .base }
        let digits = String(reversed().prefix { "0"..."9" ~= $0 }.reversed())
        removeLast(digits.count)
        guard let thousands = Int32(digits), thousands > 0, thousands <= 1_000_000,
            takeSuffix("_above_")
        else { return nil }
        return ContextTier(threshold: thousands * 1_000)
    }
}
