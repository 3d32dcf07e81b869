import Foundation
import Schema
import Testing

@testable import Billing

/// Terms and files that several suites price with.
enum BillingFixtures {
    /// The excerpt of the community price file that stands beside the tests.
    static func communityExcerpt() throws -> LiteLLMPrices {
        try LiteLLMPrices(parsing: fixture("litellm-excerpt.json"))
    }

    static func fixture(_ name: String) throws -> [UInt8] {
        let tests = URL(filePath: #filePath).deletingLastPathComponent().deletingLastPathComponent()
        return try Array(Data(contentsOf: tests.appending(path: "Fixtures/\(name)")))
    }

    /// A model of the excerpt as terms of version 1.
    static func communityTerms(_ model: String) throws -> PriceTerms {
        let prices = try #require(try communityExcerpt().sheet.models[model])
        return prices.terms(version: PriceVersion(1), model: model, currency: .usd)
    }

    static func terms(
        _ prices: [PriceKey: Int128],
        fees: [FeeKind: Int128] = [:],
        outputTokensMax: Int64? = nil
    ) -> PriceTerms {
        var terms = PriceTerms(version: PriceVersion(1), model: "m", currency: .usd)
        terms.tokenPrices = PriceTable(prices.mapValues { Pico($0) })
        terms.fees = fees.mapValues { Pico($0) }
        terms.outputTokensMax = outputTokensMax
        return terms
    }
}

/// A repeatable source of randomness (SplitMix64): a failing seed can be run again.
struct SeededGenerator: RandomNumberGenerator {
    private var state: UInt64

    init(seed: UInt64) { state = seed }

    mutating func next() -> UInt64 {
        state &+= 0x9E37_79B9_7F4A_7C15
        var z = state
        z = (z ^ (z >> 30)) &* 0xBF58_476D_1CE4_E5B9
        z = (z ^ (z >> 27)) &* 0x94D0_49BB_1331_11EB
        return z ^ (z >> 31)
    }
}
