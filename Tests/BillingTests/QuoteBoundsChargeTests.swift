import Schema
import Testing

@testable import Billing

/// The promise that admission rests on, attacked with random prices, requests and usages.
@Suite struct QuoteBoundsChargeTests {
    @Test(arguments: 0..<20)
    func `no usage within the bounds costs more than the hold`(seed: UInt64) throws {
        var random = SeededGenerator(seed: seed)
        for _ in 0..<250 {
            let terms = randomTerms(&random)
            let request = randomRequest(&random)
            let quote = try Quote(request, terms: terms)
            let cap = Int64.random(in: 0...quote.outputCap, using: &random)
            let hold = quote.hold(outputCap: cap)
            for _ in 0..<8 {
                let charge = Charge(
                    tokens: randomUsage(&random, request, quote, cap: cap),
                    webSearches: Int64.random(in: 0...request.webSearchesMax, using: &random),
                    serviceTier: request.serviceTiers.randomElement(using: &random) ?? .standard,
                    terms: terms,
                    hold: hold
                )
                #expect(charge.total <= hold)
                #expect(charge.excess == .zero)
                #expect(charge.anomalies.isSubset(of: [.unpriced]))
            }
        }
    }

    @Test(arguments: 0..<20)
    func `the affordable cap is affordable, and one token more is not`(seed: UInt64) throws {
        var random = SeededGenerator(seed: seed &+ 1_000)
        for _ in 0..<500 {
            let quote = try Quote(randomRequest(&random), terms: randomTerms(&random))
            let most = quote.hold(outputCap: quote.outputCap).units
            let money = Pico(Int128.random(in: 0...max(1, most + most / 8), using: &random))
            if let cap = quote.affordableCap(money) {
                #expect(quote.hold(outputCap: cap) <= money)
                #expect((quote.outputCapLeast...quote.outputCap).contains(cap))
                if cap < quote.outputCap { #expect(quote.hold(outputCap: cap + 1) > money) }
            } else {
                #expect(quote.hold(outputCap: quote.outputCapLeast) > money)
            }
        }
    }

    private func randomTerms(_ random: inout SeededGenerator) -> PriceTerms {
        let thresholds = [0, 0, 500, 2_000, 6_000].map { ContextTier(threshold: $0) }
        var prices: [PriceKey: Int128] = [
            PriceKey(.input): Int128.random(in: 0...1_000, using: &random),
            PriceKey(.output): Int128.random(in: 0...5_000, using: &random),
        ]
        for _ in 0..<Int.random(in: 0...20, using: &random) {
            let key = PriceKey(
                TokenClass.allCases.randomElement(using: &random) ?? .input,
                ServiceTier.allCases.randomElement(using: &random) ?? .standard,
                thresholds.randomElement(using: &random) ?? .base
            )
            prices[key] = Int128.random(in: 0...5_000, using: &random)
        }
        var fees: [FeeKind: Int128] = [:]
        if Bool.random(using: &random) { fees[.request] = Int128.random(in: 0...9, using: &random) }
        fees[.webSearch] = Int128.random(in: 0...10_000, using: &random)
        return BillingFixtures.terms(prices, fees: fees, outputTokensMax: 4_000)
    }

    private func randomRequest(_ random: inout SeededGenerator) -> QuoteRequest {
        var request = QuoteRequest(
            inputTokensBound: Int64.random(in: 0...9_000, using: &random),
            outputTokensAsked: Bool.random(using: &random)
                ? Int64.random(in: 0...5_000, using: &random) : nil
        )
        request.choices = Int64.random(in: 1...4, using: &random)
        request.cacheWrites = [.none, .short, .long].randomElement(using: &random) ?? .short
        request.hasImages = Bool.random(using: &random)
        request.hasAudio = Bool.random(using: &random)
        request.wantsAudio = Bool.random(using: &random)
        request.webSearchesMax = Int64.random(in: 0...3, using: &random)
        request.ask(for: ServiceTier.allCases.randomElement(using: &random) ?? .standard)
        return request
    }

    /// Splits at most the bounds over the classes that the request admits.
    private func randomUsage(
        _ random: inout SeededGenerator,
        _ request: QuoteRequest,
        _ quote: Quote,
        cap: Int64
    ) -> TokenUsage {
        var usage = TokenUsage()
        var prompt =
            Bool.random(using: &random)
            ? quote.inputTokens : Int64.random(in: 0...quote.inputTokens, using: &random)
        for tokenClass in request.inputClasses.shuffled(using: &random) {
            usage[tokenClass] = Int64.random(in: 0...prompt, using: &random)
            prompt -= usage[tokenClass]
        }
        var answer = cap * request.choices
        for tokenClass in request.outputClasses.shuffled(using: &random) {
            usage[tokenClass] = Int64.random(in: 0...answer, using: &random)
            answer -= usage[tokenClass]
        }
        return usage
    }
}
