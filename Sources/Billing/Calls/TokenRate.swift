import Schema

/// What one token of a class costs in one tier, and how the price was found.
package struct TokenRate: Hashable, Sendable {
    package enum Basis: String, Hashable, Sendable {
        /// The model has a price for exactly this.
        case own
        /// The model has none: the price of the nearest thing that is not cheaper.
        case fallback
        /// Nothing near has a price either: the dearest price of the model.
        case unpriced
    }

    package let price: Pico
    package let basis: Basis
}

/// The one way from a token to its price, for holds and charges alike.
///
/// A price that is missing falls back along a fixed line, towards the dearer where it forks.
/// First within the class: the dearer of the tier's own price at the nearest lower threshold and
/// the standard tier's there. Then to other classes: a cache read, a short cache write, audio and
/// images cost what the prompt costs, a spoken answer what a written one does, and a long cache
/// write the dearer of a short one and twice the prompt, which is what everybody charges who
/// publishes one. Only a cache read may fall back to less than the prompt costs in its tier.
extension PriceTerms {
    package func rate(
        _ tokenClass: TokenClass,
        _ serviceTier: ServiceTier,
        _ context: ContextTier
    ) -> TokenRate {
        if let price = tokenPrices[PriceKey(tokenClass, serviceTier, context)] {
            return TokenRate(price: price, basis: .own)
        }
        if let price = fallback(tokenClass, serviceTier, context) {
            return TokenRate(price: price, basis: .fallback)
        }
        return TokenRate(price: tokenPrices.dearest ?? .zero, basis: .unpriced)
    }

    private func fallback(
        _ tokenClass: TokenClass,
        _ serviceTier: ServiceTier,
        _ context: ContextTier
    ) -> Pico? {
        let own = nearest(tokenClass, serviceTier, context)
        let input = nearest(.input, serviceTier, context)
        switch tokenClass {
        case .input, .output: return own
        case .cacheRead: return own ?? input
        case .cacheWriteShort, .audioInput, .imageInput: return dearest(own, input)
        case .audioOutput: return dearest(own, nearest(.output, serviceTier, context))
        case .cacheWriteLong:
            if own != nil { return dearest(own, input) }
            return dearest(
                nearest(.cacheWriteShort, serviceTier, context),
                input.map { $0 + $0 }
            )
        }
    }

    private func dearest(_ first: Pico?, _ second: Pico?) -> Pico? {
        guard let first, let second else { return first ?? second }
        return max(first, second)
    }

    /// The class's price in the tier; else the dearer of its nearest in this and the standard tier.
    private func nearest(
        _ tokenClass: TokenClass,
        _ serviceTier: ServiceTier,
        _ context: ContextTier
    ) -> Pico? {
        if let price = tokenPrices[PriceKey(tokenClass, serviceTier, context)] { return price }
        let own = atOrBelow(context, tokenClass, serviceTier)
        let standard = atOrBelow(context, tokenClass, .standard)
        return dearest(own, standard)
    }

    /// The class's price at the highest threshold that has one and is not above `context`.
    private func atOrBelow(
        _ context: ContextTier,
        _ tokenClass: TokenClass,
        _ serviceTier: ServiceTier
    ) -> Pico? {
        var context: ContextTier? = context
        while let current = context {
            if let price = tokenPrices[PriceKey(tokenClass, serviceTier, current)] { return price }
            context = contextTier(below: current)
        }
        return nil
    }

    /// The tier of a prompt: the highest whose threshold the prompt *exceeds*.
    package func contextTier(promptTokens: Int64) -> ContextTier {
        tokenPrices.contextTiers.last { Int64($0.threshold) < promptTokens } ?? .base
    }

    /// The next tier with a lower threshold; nil below the base tier.
    private func contextTier(below context: ContextTier) -> ContextTier? {
        guard context > .base else { return nil }
        return tokenPrices.contextTiers.last { $0 < context } ?? .base
    }

    /// The next tier with a higher threshold; nil above the last.
    package func contextTier(above context: ContextTier) -> ContextTier? {
        tokenPrices.contextTiers.first { $0 > context }
    }
}
