import Schema
import Testing

@testable import Billing

@Suite struct PriceSnapshotTests {
    private func edition(
        _ number: Int64,
        _ source: PriceSource = .farebox,
        _ currency: Currency = .usd,
        plan: String? = nil,
        from seconds: Int64 = 0,
        models: [String: Int128]
    ) -> PriceEdition {
        let header = PriceVersionHeader(
            version: PriceVersion(number),
            line: PriceLine(source, currency, plan: plan),
            effectiveAt: Instant(microseconds: 0).adding(seconds: seconds),
            publishedAt: Instant(microseconds: 0),
            sha256: []
        )
        return PriceEdition(
            header,
            models: models.mapValues { price in
                var prices = ModelPrices()
                prices.tokenPrices = [PriceKey(.input): Pico(price), PriceKey(.output): .zero]
                return prices
            }
        )
    }

    private func price(
        _ snapshot: PriceSnapshot,
        _ model: String,
        _ currency: Currency = .usd,
        plan: String? = nil,
        at seconds: Int64 = 1_000
    ) -> Int128? {
        snapshot.terms(
            model: model,
            currency: currency,
            plan: plan,
            at: Instant(microseconds: 0).adding(seconds: seconds)
        )?.tokenPrices[PriceKey(.input)]?.units
    }

    @Test func `an exact name goes before a pattern, a longer pattern before a shorter`() {
        let snapshot = PriceSnapshot([
            edition(1, models: ["claude-*": 1, "claude-opus-*": 2, "claude-opus-5": 3, "*": 4])
        ])
        #expect(price(snapshot, "claude-opus-5") == 3)
        #expect(price(snapshot, "claude-opus-5-5") == 2)
        #expect(price(snapshot, "claude-opus-") == 2)
        #expect(price(snapshot, "claude-haiku") == 1)
        #expect(price(snapshot, "gpt") == 4)
    }

    @Test func `the operator's own prices go before the community's of the same match`() {
        let snapshot = PriceSnapshot([
            edition(1, .litellm, models: ["gpt-4o": 1, "gpt-5": 2, "o*": 8]),
            edition(2, .farebox, models: ["gpt-4o": 10, "gpt-*": 20, "o*": 9]),
        ])
        #expect(price(snapshot, "gpt-4o") == 10)
        #expect(price(snapshot, "gpt-5") == 2)
        #expect(price(snapshot, "gpt-6") == 20)
        #expect(price(snapshot, "o3") == 9)
    }

    @Test func `a version takes effect at its instant and not before`() {
        let snapshot = PriceSnapshot([
            edition(1, from: 0, models: ["m": 1]), edition(2, from: 100, models: ["m": 2]),
        ])
        #expect(price(snapshot, "m", at: -1) == nil)
        #expect(price(snapshot, "m", at: 99) == 1)
        #expect(price(snapshot, "m", at: 100) == 2)
    }

    @Test func `a scheduled version takes effect although one was published after it`() {
        let snapshot = PriceSnapshot([
            edition(1, from: 500, models: ["m": 1]), edition(2, from: 100, models: ["m": 2]),
            edition(3, from: 100, models: ["m": 3]),
        ])
        #expect(price(snapshot, "m", at: 200) == 3)
        #expect(price(snapshot, "m", at: 500) == 1)
    }

    @Test func `a model that the version in force dropped has no price`() {
        let snapshot = PriceSnapshot([
            edition(1, from: 0, models: ["old": 1]), edition(2, from: 100, models: ["new": 2]),
        ])
        #expect(price(snapshot, "old", at: 99) == 1)
        #expect(price(snapshot, "old", at: 100) == nil)
    }

    @Test func `an account is served only prices in its own currency`() throws {
        let euro = try #require(Currency("EUR"))
        let snapshot = PriceSnapshot([
            edition(1, models: ["m": 1]), edition(2, .farebox, euro, models: ["n": 2]),
        ])
        #expect(price(snapshot, "m", euro) == nil)
        #expect(price(snapshot, "n", euro) == 2)
        #expect(price(snapshot, "n") == nil)
        #expect(price(.empty, "m") == nil)
    }

    @Test func `an account pays its plan's prices, and the list's for what the plan has not`() {
        let snapshot = PriceSnapshot([
            edition(1, .litellm, models: ["gpt-5": 100, "claude-5": 200]),
            edition(2, .plan, plan: "gold", from: 50, models: ["gpt-5": 90]),
            edition(3, .plan, plan: "gold", from: 100, models: ["gpt-5": 80]),
            edition(4, .plan, plan: "lead", models: ["gpt-5": 120]),
        ])
        #expect(price(snapshot, "gpt-5") == 100)
        #expect(price(snapshot, "gpt-5", plan: "gold") == 80)
        #expect(price(snapshot, "gpt-5", plan: "lead") == 120)
        #expect(price(snapshot, "claude-5", plan: "gold") == 200)
        // A plan that began a moment ago is in force for an instance whose clock is behind.
        #expect(price(snapshot, "gpt-5", plan: "gold", at: 99) == 90)
        #expect(price(snapshot, "gpt-5", plan: "gold", at: 10) == 90)
    }

    @Test func `a plan that is not known has no prices, rather than the list's`() {
        let snapshot = PriceSnapshot([edition(1, models: ["gpt-5": 100])])
        #expect(price(snapshot, "gpt-5", plan: "gold") == nil)
    }

    @Test func `an upstream costs what was published so, else the community's price`() throws {
        let euro = try #require(Currency("EUR"))
        let snapshot = PriceSnapshot([
            edition(1, .farebox, models: ["gpt-5": 150, "house": 7]),
            edition(2, .litellm, models: ["gpt-5": 100, "claude-5": 200]),
            edition(3, .cost, euro, models: ["local/*": 1, "azure/gpt-5": 80]),
            edition(4, .plan, plan: "gold", models: ["gpt-5": 90]),
        ])
        func cost(_ upstream: String, _ model: String) -> (Int128?, String?) {
            let terms = snapshot.costTerms(
                upstream: upstream,
                model: model,
                preferring: .usd,
                at: Instant(microseconds: 1)
            )
            return (terms?.tokenPrices[PriceKey(.input)]?.units, terms?.currency.code)
        }
        #expect(cost("openai", "gpt-5") == (100, "USD"))
        #expect(cost("azure", "gpt-5") == (80, "EUR"))
        #expect(cost("local", "gpt-oss-20b") == (1, "EUR"))
        #expect(cost("openai", "house") == (7, "USD"))
        #expect(cost("openai", "nothing") == (nil, nil))
    }

    @Test func `a price moved a thousandfold is a jump, either way and to zero`() throws {
        func change(_ before: Int128, _ after: Int128) -> Bool {
            var old = PriceSheet(source: .farebox, currency: .usd)
            var prices = ModelPrices()
            prices.tokenPrices = [PriceKey(.input): Pico(before), PriceKey(.output): Pico(1)]
            old.models["m"] = prices
            var new = old
            new.models["m"]?.tokenPrices[PriceKey(.input)] = Pico(after)
            return !PriceDiff(from: old, to: new).jumps.isEmpty
        }
        #expect(change(1, 1_000) && change(1_000, 1) && change(5, 0))
        #expect(!change(1, 999) && !change(999, 1) && !change(0, 5) && !change(5, 5))
    }

    @Test func `a diff names what was added, removed, changed and limited anew`() {
        var old = PriceSheet(source: .farebox, currency: .usd)
        var prices = ModelPrices()
        prices.tokenPrices = [PriceKey(.input): Pico(1), PriceKey(.output): Pico(1)]
        old.models = ["gone": prices, "kept": prices, "same": prices]
        var new = old
        new.models["gone"] = nil
        new.models["came"] = prices
        new.models["kept"]?.tokenPrices[PriceKey(.cacheRead)] = Pico(2)
        new.models["kept"]?.fees[.request] = Pico(3)
        new.models["kept"]?.outputTokensMax = 9
        let diff = PriceDiff(from: old, to: new)
        #expect(diff.added == ["came"] && diff.removed == ["gone"])
        #expect(diff.limitsChanged == ["kept"])
        #expect(diff.changes.map(\.item.description) == ["cache_read", "request fee"])
        #expect(PriceDiff(from: new, to: new).isEmpty)
    }
}
