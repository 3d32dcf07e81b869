import Schema
import Testing

@testable import Billing

@Suite struct ChargeTests {
    private func charge(
        _ model: String,
        tier: ServiceTier = .standard,
        searches: Int64 = 0,
        hold: Pico = .chargeMax,
        _ fill: (inout TokenUsage) -> Void
    ) throws -> Charge {
        var tokens = TokenUsage()
        fill(&tokens)
        return Charge(
            tokens: tokens,
            webSearches: searches,
            serviceTier: tier,
            terms: try BillingFixtures.communityTerms(model),
            hold: hold
        )
    }

    // MARK: Golden prices, by the shapes of usage that gateways have got wrong.

    @Test func `cached tokens of OpenAI usage are charged once, at the cache price`() throws {
        // prompt_tokens 10 000, of which cached 8 000: input 2 000; completion 500.
        let charge = try charge("gpt-5.4-mini") {
            $0.input = 2_000; $0.cacheRead = 8_000; $0.output = 500
        }
        // 2 000 × 0.75 + 8 000 × 0.075 + 500 × 4.5 per million.
        #expect(charge.charge == Pico("0.00435"))
    }

    @Test func `Anthropic cache writes of both lives have their own prices`() throws {
        let charge = try charge("claude-sonnet-4-5") {
            $0.input = 100
            $0.cacheRead = 10_000
            $0.cacheWriteShort = 2_000
            $0.cacheWriteLong = 1_000
            $0.output = 1_000
        }
        // 100 × 3 + 10 000 × 0.3 + 2 000 × 3.75 + 1 000 × 6 + 1 000 × 15 per million.
        #expect(charge.charge == Pico("0.0318"))
        #expect(charge.lines.allSatisfy { $0.basis == .own })
    }

    @Test func `a long cache write without a price costs twice the prompt, and is flagged`() throws
    {
        let charge = try charge("anthropic.claude-3-5-sonnet-20241022-v2:0") {
            $0.cacheWriteLong = 1_000
        }
        #expect(charge.charge == Pico("0.006"))
        #expect(charge.lines.map(\.basis) == [.fallback])
    }

    @Test(arguments: [
        (200_000, "0.25", 0), (200_001, "0.5000025", 200_000),
    ])
    func `the long-context price begins above the threshold, for the whole prompt`(
        tokens: Int64,
        amount: String,
        threshold: Int32
    ) throws {
        let charge = try charge("gemini-2.5-pro") { $0.input = tokens }
        #expect(charge.charge == Pico(amount))
        #expect(charge.contextTier.threshold == threshold)
    }

    @Test func `cached tokens count towards the long-context threshold`() throws {
        let charge = try charge("gemini-2.5-pro") {
            $0.input = 1
            $0.cacheRead = 200_000
            $0.output = 10
        }
        // 1 × 2.5 + 200 000 × 0.25 + 10 × 15 per million.
        #expect(charge.charge == Pico("0.0501525"))
    }

    @Test func `audio input has its own price and is never free`() throws {
        let own = try charge("gemini-2.5-flash") { $0.audioInput = 1_000_000 }
        #expect(own.charge == Pico("1"))
        let fallback = try charge("gpt-4o") {
            $0.audioInput = 1_000_000; $0.audioOutput = 1_000_000
        }
        #expect(fallback.charge == Pico("12.5"))
        #expect(fallback.lines.map(\.basis) == [.fallback, .fallback])
    }

    @Test(arguments: [
        (ServiceTier.standard, "0.0125"), (.priority, "0.02125"), (.batch, "0.00625"),
        // gpt-4o has no flex price: the standard one.
        (.flex, "0.0125"),
    ])
    func `all of a call is charged in the tier that served it`(
        tier: ServiceTier,
        amount: String
    ) throws {
        let charge = try charge("gpt-4o", tier: tier) {
            $0.input = 1_000
            $0.output = 1_000
            $0.reasoning = 900
        }
        #expect(charge.charge == Pico(amount))
    }

    @Test func `a tier without a long-context price takes the dearer neighbour`() throws {
        let charge = try charge("gemini-2.5-pro", tier: .batch) { $0.input = 300_000 }
        // Batch is 0.625 below 200 000, standard 2.5 above: nothing says that both apply.
        #expect(charge.charge == Pico("0.75"))
        #expect(charge.lines.map(\.basis) == [.fallback])
    }

    @Test func `reasoning is inside output and never added`() throws {
        let charge = try charge("gpt-5.4-mini") {
            $0.output = 1_000; $0.reasoning = 1_000
        }
        #expect(charge.charge == Pico("0.0045"))
    }

    @Test func `web searches and requests are charged by the call`() throws {
        let searches = try charge("claude-opus-5-5", searches: 3) { _ in }
        #expect(searches.charge == Pico("0.03"))
        let request = try charge("perplexity/pplx-7b-online") { $0.input = 5 }
        #expect(request.charge == Pico("0.005"))
    }

    @Test func `a call that was not served has no fee`() throws {
        let charge = Charge(
            tokens: TokenUsage(),
            requests: 0,
            serviceTier: .standard,
            terms: try BillingFixtures.communityTerms("perplexity/pplx-7b-online"),
            hold: .chargeMax
        )
        #expect(charge.charge == .zero)
        #expect(charge.lines.isEmpty)
    }

    // MARK: What an upstream may say, and a charge may not become.

    @Test func `negative counts charge nothing and credit nothing`() throws {
        let charge = try charge("gpt-4o", searches: -5) {
            $0.input = -1_000_000
            $0.cacheRead = .min
            $0.output = 10
        }
        #expect(charge.charge == Pico("0.0001"))
        #expect(charge.anomalies.contains(.negativeCount))
        #expect(charge.tokens.input == 0)
    }

    @Test func `absurd counts never trap, and stop at the hold`() throws {
        let hold = try #require(Pico("1.5"))
        let charge = try charge("gpt-4o", searches: .max, hold: hold) {
            for tokenClass in TokenClass.allCases { $0[tokenClass] = .max }
        }
        #expect(charge.charge == hold)
        #expect(charge.charge + charge.excess == charge.total)
        #expect(charge.anomalies.isSuperset(of: [.countTooLarge, .beyondHold, .unpriced]))
    }

    @Test func `what exceeds the hold is excess, not charge`() throws {
        let charge = try charge("gpt-4o", hold: Pico(1)) { $0.output = 1 }
        #expect(charge.charge == Pico(1))
        #expect(charge.excess == Pico(9_999_999))
        #expect(charge.anomalies == [.beyondHold])
    }

    @Test func `the largest total still has an excess that a bigint keeps`() {
        let terms = BillingFixtures.terms([
            PriceKey(.input): PriceTerms.priceMax.units, PriceKey(.output): 1,
        ])
        var tokens = TokenUsage()
        for tokenClass in TokenClass.allCases { tokens[tokenClass] = TokenUsage.countMax }
        let charge = Charge(tokens: tokens, serviceTier: .batch, terms: terms, hold: .zero)
        #expect(charge.charge == .zero)
        #expect(charge.excess.int64 == .max)
    }

    @Test func `a token without any near price costs the model's dearest, loudly`() {
        let terms = BillingFixtures.terms([PriceKey(.output): 7, PriceKey(.cacheRead): 3])
        var tokens = TokenUsage()
        tokens.input = 2
        let charge = Charge(tokens: tokens, serviceTier: .standard, terms: terms, hold: .chargeMax)
        #expect(charge.charge == Pico(14))
        #expect(charge.anomalies == [.unpriced])
    }

    @Test func `an event takes over what was charged and for which counts`() throws {
        let charge = try charge("gpt-4o", tier: .priority, hold: Pico(5)) {
            $0.input = -3; $0.output = 1
        }
        var usage = Usage(
            request: RequestID(high: 0, low: 1),
            lease: nil,
            key: KeyID(high: 0, low: 2),
            project: ProjectID(high: 0, low: 3),
            admittedAt: Instant(microseconds: 0),
            model: "gpt-4o",
            upstream: "u",
            upstreamModel: "gpt-4o",
            endpoint: .messages,
            isStreamed: false,
            priceVersion: PriceVersion(1),
            hold: Pico(5)
        )
        usage.apply(charge)
        #expect(usage.charge == Pico(5))
        #expect(usage.excess == Pico(17_000_000 - 5))
        #expect(usage.tokens.input == 0)
        #expect(usage.serviceTier == .priority)
    }

    @Test func `the upstream's cost knows no hold`() throws {
        var tokens = TokenUsage()
        tokens.output = 1_000_000
        let cost = Charge.upstreamCost(
            tokens: tokens,
            serviceTier: .standard,
            terms: try BillingFixtures.communityTerms("gpt-4o")
        )
        #expect(cost == Pico("10"))
    }
}
