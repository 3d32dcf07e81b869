import Schema

/// What a call needs to be admitted, between the hold for the cap it asked for and the hold for
/// the least cap that it may be lowered to.
package struct AdmissionNeed: Hashable, Sendable {
    package let quote: Quote
    /// Enough for the whole cap.
    package let want: Pico
    /// Less than this is of no use.
    package let least: Pico

    /// - Parameter sliceTokens: how much output is held at first, where the hold may grow while
    ///   the answer comes; nil for all of it.
    package init(_ quote: Quote, shortCredit: ShortCredit, sliceTokens: Int64? = nil) {
        self.quote = quote
        let first = sliceTokens.map { max($0, quote.outputCapLeast) } ?? quote.outputCap
        want = quote.hold(outputCap: first)
        least =
            switch shortCredit {
            case .clamp: quote.hold(outputCap: quote.outputCapLeast)
            case .refuse: want
            }
    }

    init(_ request: AdmissionRequest, _ quote: Quote) {
        self.init(quote, shortCredit: request.shortCredit, sliceTokens: request.sliceTokens)
    }

    /// The largest cap that the money covers, and what it holds; nil below `least`.
    package func fit(_ money: Pico) -> (outputCap: Int64, hold: Pico)? {
        guard money >= least, let cap = quote.affordableCap(min(money, want)) else { return nil }
        return (cap, quote.hold(outputCap: cap))
    }
}

/// What happens to a call that asks for more output than the credit covers.
package enum ShortCredit: String, CaseIterable, Sendable {
    /// The output cap is lowered to what the credit affords.
    case clamp
    /// The call is refused.
    case refuse
}
