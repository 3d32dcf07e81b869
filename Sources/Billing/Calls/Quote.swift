import Schema

/// The upper bound of a call's cost as a function of its output cap, in pico-units.
///
/// A call is charged in one service tier and one context tier. In each that it could end up in,
/// its cost is at most `fixed + perOutputToken × cap`, with every token at the dearest price of
/// its side; the hold is the largest of these. So it grows with the cap, and the largest cap
/// that some money affords is found by division.
package struct Quote: Hashable, Sendable {
    private struct Line: Hashable, Sendable {
        let fixed: Int128
        let perOutputToken: Int128
    }

    /// The bound of the prompt, no more than the context window.
    package let inputTokens: Int64
    /// The cap to send upstream where credit suffices: the client's own, or the model's limit
    /// when that is lower or the client sent none.
    package let outputCap: Int64
    /// The least cap that the call may be lowered to.
    package let outputCapLeast: Int64
    private let lines: [Line]

    /// Bounds a call, or says why it cannot be bounded; no count makes it trap.
    package init(_ request: QuoteRequest, terms: PriceTerms) throws(QuoteRefusal) {
        try request.checkRanges()
        let window = request.contextTokensMax ?? terms.inputTokensMax ?? TokenUsage.countMax
        inputTokens = min(request.inputTokensBound, window)
        let limit = request.outputTokensMax ?? terms.outputTokensMax
        guard let known = request.outputTokensAsked ?? limit else {
            throw .noOutputLimit(model: terms.model)
        }
        let cap = min(known, limit ?? known)
        guard cap <= TokenUsage.countMax else { throw .countOutOfRange("the output cap") }
        // An upstream would refuse it, in words about a number that its client never sent.
        guard cap >= request.outputTokensFloor else {
            throw .capBelowFloor(cap: cap, floor: request.outputTokensFloor)
        }
        outputCap = cap
        outputCapLeast = min(cap, max(request.outputTokensFloor, request.minimumOutputTokens))
        lines = Self.lines(request, terms, inputTokens: inputTokens)
        guard hold(outputCap: outputCap) <= .chargeMax else { throw .beyondLargestCharge }
    }

    /// The money that covers the call with this cap; the cap is from zero to `outputCap`.
    package func hold(outputCap: Int64) -> Pico {
        // Counts are at most 10⁹ and prices 2 × 10¹⁵, so sums stay below 10³⁴.
        let cap = Int128(max(0, min(outputCap, self.outputCap)))
        return Pico(lines.lazy.map { $0.fixed + $0.perOutputToken * cap }.max() ?? 0)
    }

    /// The largest cap up to `outputCap` whose hold `money` covers; nil when that is below
    /// `outputCapLeast`.
    package func affordableCap(_ money: Pico) -> Int64? {
        let cap = coveredCap(money)
        return cap >= outputCapLeast ? cap : nil
    }

    /// The largest cap up to `outputCap` whose hold `money` covers; below zero for money that does
    /// not even cover the prompt.
    func coveredCap(_ money: Pico) -> Int64 {
        var cap = Int128(outputCap)
        for line in lines {
            let rest = money.units - line.fixed
            guard rest >= 0 else { return -1 }
            if line.perOutputToken > 0 { cap = min(cap, rest / line.perOutputToken) }
        }
        return Int64(cap)
    }

    /// One line for each tier that the call could be charged in.
    private static func lines(
        _ request: QuoteRequest,
        _ terms: PriceTerms,
        inputTokens: Int64
    ) -> [Line] {
        let fees =
            (terms.fees[.request] ?? .zero).units
            + (terms.fees[.webSearch] ?? .zero).units * Int128(request.webSearchesMax)
        var lines: [Line] = []
        for serviceTier in request.serviceTiers {
            var context: ContextTier? = .base
            while let current = context, current == .base || Int64(current.threshold) < inputTokens
            {
                let next = terms.contextTier(above: current)
                // A prompt charged in this tier does not exceed the next tier's threshold.
                let prompt = min(inputTokens, next.map { Int64($0.threshold) } ?? inputTokens)
                let input = terms.dearest(request.inputClasses, serviceTier, current).units
                let output = terms.dearest(request.outputClasses, serviceTier, current).units
                lines.append(
                    Line(
                        fixed: input * Int128(prompt) + fees,
                        perOutputToken: output * Int128(request.choices)
                    )
                )
                context = next
            }
        }
        return lines
    }
}

extension PriceTerms {
    fileprivate func dearest(
        _ classes: [TokenClass],
        _ serviceTier: ServiceTier,
        _ context: ContextTier
    ) -> Pico {
        classes.lazy.map { rate($0, serviceTier, context).price }.max() ?? .zero
    }
}

extension QuoteRequest {
    /// Every count from zero to `TokenUsage.countMax`; the client's cap may exceed it, since the
    /// model's limit may be lower.
    fileprivate func checkRanges() throws(QuoteRefusal) {
        func check(_ count: Int64?, _ name: StaticString) throws(QuoteRefusal) {
            guard let count, !(0...TokenUsage.countMax).contains(count) else { return }
            throw .countOutOfRange("\(name)")
        }
        try check(contextTokensMax, "the context window")
        try check(outputTokensMax, "the output limit")
        try check(outputTokensFloor, "the least output")
        try check(minimumOutputTokens, "the minimum output")
        try check(choices, "n")
        try check(webSearchesMax, "web searches")
        guard inputTokensBound >= 0 else { throw .countOutOfRange("the prompt") }
        guard outputTokensAsked ?? 0 >= 0 else { throw .countOutOfRange("the output cap") }
        guard choices >= 1 else { throw .countOutOfRange("n") }
    }
}
