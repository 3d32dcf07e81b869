import Schema

/// What a call costs by its terms: Σ tokens × price, exactly, with every line to show for it.
package struct Charge: Hashable, Sendable {
    package struct Line: Hashable, Sendable {
        package enum Item: Hashable, Sendable {
            case tokens(TokenClass)
            case fee(FeeKind)
        }

        package let item: Item
        package let quantity: Int64
        package let price: Pico
        package let basis: TokenRate.Basis

        package var amount: Pico { Pico(price.units * Int128(quantity)) }
    }

    /// What an honest upstream never reports; counted, never fatal.
    package enum Anomaly: String, CaseIterable, Sendable {
        case negativeCount = "negative_count"
        case countTooLarge = "count_too_large"
        /// Tokens or calls that the terms have no price for, nor for anything near.
        case unpriced
        /// More than the call was admitted for.
        case beyondHold = "beyond_hold"
    }

    /// The counts that were charged: those reported, each from zero to `TokenUsage.countMax`.
    package let tokens: TokenUsage
    package let webSearches: Int64
    package let serviceTier: ServiceTier
    /// The tier that the whole prompt, cached tokens included, falls into.
    package let contextTier: ContextTier
    /// In the order of the classes, then the fees; nothing that was not used.
    package let lines: [Line]
    /// What the terms ask for, whatever was held.
    package let total: Pico
    /// What the customer pays: `total`, but never more than the hold.
    package let charge: Pico
    /// The rest of `total`, which is the operator's loss; at most `Pico.chargeMax`.
    package let excess: Pico
    package let anomalies: Set<Anomaly>

    /// Prices a call that the upstream served; `requests` is 0 where it did not.
    package init(
        tokens reported: TokenUsage,
        webSearches reportedSearches: Int64 = 0,
        requests: Int64 = 1,
        serviceTier: ServiceTier,
        terms: PriceTerms,
        hold: Pico
    ) {
        var anomalies: Set<Anomaly> = []
        let tokens = Self.clamped(reported, &anomalies)
        let searches = Self.clamped(reportedSearches, &anomalies)
        let contextTier = terms.contextTier(promptTokens: tokens.inputTotal)

        var lines: [Line] = []
        lines.reserveCapacity(4)
        Self.forEachLine(
            tokens,
            searches: searches,
            requests: Self.clamped(requests, &anomalies),
            serviceTier,
            contextTier,
            terms
        ) { lines.append($0) }
        if lines.contains(where: { $0.basis == .unpriced }) { anomalies.insert(.unpriced) }

        // At most ten lines of 10⁹ × 2 × 10¹⁵: far inside Int128.
        total = lines.reduce(.zero) { $0 + $1.amount }
        charge = min(total, hold.clampedToZero)
        excess = min(total - charge, .chargeMax)
        if total > charge { anomalies.insert(.beyondHold) }
        self.tokens = tokens
        webSearches = searches
        self.serviceTier = serviceTier
        self.contextTier = contextTier
        self.lines = lines
        self.anomalies = anomalies
    }

    /// What the upstream is expected to bill for a usage, by its own terms.
    package static func upstreamCost(
        tokens: TokenUsage,
        webSearches: Int64 = 0,
        requests: Int64 = 1,
        serviceTier: ServiceTier,
        terms: PriceTerms
    ) -> Pico {
        var ignored: Set<Anomaly> = []
        let counts = clamped(tokens, &ignored)
        var total = Pico.zero
        forEachLine(
            counts,
            searches: clamped(webSearches, &ignored),
            requests: clamped(requests, &ignored),
            serviceTier,
            terms.contextTier(promptTokens: counts.inputTotal),
            terms
        ) { total += $0.amount }
        return min(total, .chargeMax)
    }

    /// Calls the body with what is charged, in the order of the classes, then the fees.
    private static func forEachLine(
        _ tokens: TokenUsage,
        searches: Int64,
        requests: Int64,
        _ serviceTier: ServiceTier,
        _ contextTier: ContextTier,
        _ terms: PriceTerms,
        _ body: (Line) -> Void
    ) {
        for tokenClass in TokenClass.allCases where tokens[tokenClass] > 0 {
            let rate = terms.rate(tokenClass, serviceTier, contextTier)
            body(
                Line(
                    item: .tokens(tokenClass),
                    quantity: tokens[tokenClass],
                    price: rate.price,
                    basis: rate.basis
                )
            )
        }
        if requests > 0, let price = terms.fees[.request] {
            body(Line(item: .fee(.request), quantity: requests, price: price, basis: .own))
        }
        if searches > 0 {
            let price = terms.fees[.webSearch]
            body(
                Line(
                    item: .fee(.webSearch),
                    quantity: searches,
                    price: price ?? .zero,
                    basis: price == nil ? .unpriced : .own
                )
            )
        }
    }

    private static func clamped(
        _ reported: TokenUsage,
        _ anomalies: inout Set<Anomaly>
    ) -> TokenUsage {
        var tokens = reported
        for tokenClass in TokenClass.allCases {
            tokens[tokenClass] = clamped(reported[tokenClass], &anomalies)
        }
        tokens.reasoning = clamped(reported.reasoning, &anomalies)
        return tokens
    }

    private static func clamped(_ count: Int64, _ anomalies: inout Set<Anomaly>) -> Int64 {
        if count < 0 { anomalies.insert(.negativeCount) }
        if count > TokenUsage.countMax { anomalies.insert(.countTooLarge) }
        return max(0, min(count, TokenUsage.countMax))
    }
}

extension Usage {
    /// Writes what was charged, and the counts that it was charged for, into the event.
    package mutating func apply(_ charge: Charge) {
        tokens = charge.tokens
        webSearches = charge.webSearches
        serviceTier = charge.serviceTier
        contextTier = charge.contextTier
        self.charge = charge.charge
        excess = charge.excess
    }
}
