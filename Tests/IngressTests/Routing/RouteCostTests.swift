import Formats
import Schema
import Testing

@testable import Ingress

@Suite struct RouteCostTests {
    private func facts(_ more: String = "", promptBytes: Int = 300) throws -> CallFacts {
        let prompt = String(repeating: "a", count: promptBytes)
        let messages = #"[{"role": "user", "content": "\#(prompt)"}]"#
        let body = #"{"model": "m", "messages": \#(messages)\#(more)}"#
        return try CallFacts(endpoint: .chatCompletions, body: Array(body.utf8))
    }

    private func terms(
        input: Int128,
        output: Int128,
        _ currency: String = "USD",
        change: (inout PriceTerms) -> Void = { _ in }
    ) throws -> PriceTerms {
        var terms = PriceTerms(
            version: PriceVersion(1),
            model: "m",
            currency: try #require(Currency(currency))
        )
        terms.tokenPrices[PriceKey(.input)] = Pico(input)
        terms.tokenPrices[PriceKey(.output)] = Pico(output)
        change(&terms)
        return terms
    }

    private func cheapest(_ facts: CallFacts, _ terms: PriceTerms?...) throws -> Int? {
        let usd = try #require(Currency("USD"))
        let costs = RouteCosts(of: facts).costs(terms, preferring: usd)
        #expect(zip(costs, terms).allSatisfy { ($0 == nil) || ($1 != nil) })
        return costs.indices.filter { costs[$0] != nil }.min {
            (costs[$0] ?? .zero) < (costs[$1] ?? .zero)
        }
    }

    @Test func `a long prompt is sent where only answers are cheap`() throws {
        let cheapOutput = try terms(input: 10, output: 1)
        let cheapInput = try terms(input: 1, output: 20)
        // 30 000 tokens of prompt and 1 000 of answer; the model's longest is not what comes.
        let long = try facts(promptBytes: 90_000)
        #expect(try cheapest(long, cheapOutput, cheapInput) == 1)
        #expect(try cheapest(try facts(), cheapOutput, cheapInput) == 0)
        #expect(
            try cheapest(try facts(#", "max_tokens": 5"#), cheapOutput, cheapInput) == 1
        )
    }

    @Test func `a long prompt's dearer tier, a batch's discount and a fee are left out`() throws {
        let flat = try terms(input: 3, output: 3)
        let tiered = try terms(input: 2, output: 2) { terms in
            terms.tokenPrices[PriceKey(.input, .standard, ContextTier(threshold: 20_000))] = Pico(4)
        }
        #expect(try cheapest(try facts(), flat, tiered) == 1)
        #expect(try cheapest(try facts(promptBytes: 90_000), flat, tiered) == 0)

        let flexible = try terms(input: 4, output: 4) { terms in
            terms.tokenPrices[PriceKey(.input, .flex)] = Pico(1)
            terms.tokenPrices[PriceKey(.output, .flex)] = Pico(1)
        }
        #expect(try cheapest(try facts(), flat, flexible) == 0)
        #expect(try cheapest(try facts(#", "service_tier": "flex""#), flat, flexible) == 1)

        let charging = try terms(input: 2, output: 2) { $0.fees[.request] = Pico(1_000_000) }
        #expect(try cheapest(try facts(), flat, charging) == 0)
    }

    @Test func `routes that are known in another currency only are drawn by chance`() throws {
        let (dear, cheap) = (
            try terms(input: 2, output: 2, "EUR"), try terms(input: 1, output: 1, "EUR")
        )
        #expect(try cheapest(try facts(), dear, nil, cheap) == 2)
        // Where the account's own is known, the others cannot be compared with it.
        #expect(try cheapest(try facts(), cheap, try terms(input: 9, output: 9)) == 1)
        #expect(try cheapest(try facts(), nil, nil) == nil)
    }

    @Test func `choices of caps that no counter holds`() throws {
        let huge = try facts(#", "max_tokens": 999999999, "n": 128"#)
        #expect(
            try cheapest(huge, try terms(input: 1, output: 2), try terms(input: 1, output: 1)) == 1
        )
    }
}
