import Billing
import Formats
import Schema

/// What a call is likely to cost the operator on each of its routes: what `cheapest` orders by.
///
/// Reckoned as a finished call's cost is, with what the upstream's own prices say of long prompts,
/// of the service tier and of fees, for the usage that the request lets expect. By its bounds
/// instead, every prompt would look three times as long, and every answer as long as the model's
/// longest, so that hardly more than output prices would be compared.
struct RouteCosts {
    /// An answer that has no cap of its own is taken to be so long.
    static let outputTokensUsual: Int64 = 1_000

    private let tokens: TokenUsage
    private let serviceTier: ServiceTier

    init(of facts: CallFacts) {
        let most = TokenUsage.countMax
        let (output, isTooMuch) = min(facts.outputCap ?? Self.outputTokensUsual, most)
            .multipliedReportingOverflow(by: facts.choices)
        var tokens = TokenUsage()
        tokens.input = min(TokenEstimate.input(of: facts), most)
        tokens.output = isTooMuch ? most : min(output, most)
        self.tokens = tokens
        serviceTier = facts.serviceTier ?? .standard
    }

    /// The costs by each route's terms; nil where none are known, or only in another currency than
    /// is compared in: the account's, where that is known of any route.
    func costs(_ terms: [PriceTerms?], preferring currency: Currency) -> [Pico?] {
        let known = terms.compactMap { $0?.currency }
        let compared = known.contains(currency) ? currency : known.first
        return terms.map { terms in
            guard let terms, terms.currency == compared else { return nil }
            var tokens = tokens
            tokens.output = min(tokens.output, terms.outputTokensMax ?? tokens.output)
            return Charge.upstreamCost(tokens: tokens, serviceTier: serviceTier, terms: terms)
        }
    }
}
