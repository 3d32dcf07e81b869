import Schema
import Testing

@testable import Billing

@Suite struct PlanAdjustmentsTests {
    private func list(_ models: [String: Int128]) -> [String: ModelPrices] {
        models.mapValues { price in
            var prices = ModelPrices()
            prices.tokenPrices = [
                PriceKey(.input): Pico(price), PriceKey(.output): Pico(4 * price),
            ]
            return prices
        }
    }

    private func adjustments(_ percentages: [String: String]) throws -> PlanAdjustments {
        try percentages.reduce(.none) { adjustments, entry in
            adjustments.setting(
                try #require(ModelPattern(entry.key)),
                to: BasisPoints(percentage: entry.value)
            )
        }
    }

    @Test(arguments: [
        ("-12.5%", -1_250, "-12.5%"), ("+20%", 2_000, "+20%"), ("20", 2_000, "+20%"),
        ("0.01%", 1, "+0.01%"), ("-0.05", -5, "-0.05%"), ("0", 0, "0%"), ("-99%", -9_900, "-99%"),
        ("900", 90_000, "+900%"),
    ])
    func `a percentage is read exactly`(text: String, value: Int32, written: String) throws {
        let basisPoints = try #require(BasisPoints(percentage: text))
        #expect(basisPoints.value == value)
        #expect(basisPoints.description == written)
    }

    @Test(arguments: ["", "%", "-", "--5", "+-5", "0.001", "-99.01", "900.01", "ten", "1e9"])
    func `a percentage that is none, too fine or out of range is refused`(text: String) {
        #expect(BasisPoints(percentage: text) == nil)
    }

    @Test(arguments: [
        // Half a pico-unit goes to the even neighbour, more than half up, less down.
        (50, "5%", 52), (30, "5%", 32), (70, "5%", 74), (51, "5%", 54), (29, "5%", 30),
        (2_500_000, "-12.5%", 2_187_500), (1, "-99%", 1), (0, "+20%", 0), (3, "-50%", 2),
    ])
    func `an adjusted price is a whole number of pico-units, and never free by rounding`(
        price: Int128,
        percentage: String,
        adjusted: Int128
    ) throws {
        let basisPoints = try #require(BasisPoints(percentage: percentage))
        #expect(basisPoints.adjusting(Pico(price)) == Pico(adjusted))
    }

    @Test func `every price of a model is adjusted, fees and tiers too`() throws {
        var prices = ModelPrices()
        prices.tokenPrices = [
            PriceKey(.input): Pico(100), PriceKey(.output): Pico(200),
            PriceKey(.output, .priority, ContextTier(threshold: 200_000)): Pico(300),
        ]
        prices.fees = [.webSearch: Pico(1_000)]
        prices.outputTokensMax = 9
        let plan = try adjustments(["*": "10%"]).prices(from: ["m": prices])
        var expected = prices
        expected.tokenPrices = prices.tokenPrices.mapValues { Pico($0.units * 11 / 10) }
        expected.fees = [.webSearch: Pico(1_100)]
        #expect(plan == ["m": expected])
    }

    @Test func `models that no adjustment names are not in the plan`() throws {
        let plan = try adjustments(["claude-*": "-5%"])
            .prices(from: list(["gpt-5": 100, "claude-5": 100, "claude-*": 100]))
        #expect(plan.keys.sorted() == ["claude-*", "claude-5"])
        #expect(PlanAdjustments.none.prices(from: list(["gpt-5": 100])).isEmpty)
    }

    @Test(arguments: 0..<50)
    func `a plan's price is always the adjusted list price, whatever the patterns`(
        seed: UInt64
    ) throws {
        var random = SeededGenerator(seed: seed)
        let patterns = ["*", "a*", "ab*", "abc*", "abc", "ab", "b*", "bc", "abcd*"]
        let list = list(
            patterns.filter { _ in Bool.random(using: &random) }.reduce(into: [:]) {
                $0[$1] = Int128.random(in: 1...1_000, using: &random)
            }
        )
        var adjustments = PlanAdjustments.none
        for pattern in patterns where Int.random(in: 0..<3, using: &random) == 0 {
            adjustments = adjustments.setting(
                try #require(ModelPattern(pattern)),
                to: BasisPoints(Int32.random(in: -9_900...90_000, using: &random))
            )
        }
        let plan = edition(adjustments.prices(from: list))
        let base = edition(list)
        for model in ["a", "ab", "abc", "abcd", "abcde", "abx", "b", "bc", "bcd", "c", "abcx"] {
            let found = adjustments.entries.filter { $0.pattern.matches(model) }
                .max { $0.pattern.specificity < $1.pattern.specificity }
            let expected = found.flatMap { found in
                base.terms(for: model)?.tokenPrices[PriceKey(.input)]
                    .map(found.basisPoints.adjusting)
            }
            #expect(plan.terms(for: model)?.tokenPrices[PriceKey(.input)] == expected)
        }
    }

    private func edition(_ models: [String: ModelPrices]) -> PriceEdition {
        let instant = Instant(microseconds: 0)
        let header = PriceVersionHeader(
            version: PriceVersion(1),
            line: PriceLine(.farebox, .usd),
            effectiveAt: instant,
            publishedAt: instant,
            sha256: []
        )
        return PriceEdition(header, models: models)
    }
}
