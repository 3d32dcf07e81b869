import Foundation
import Schema
import Testing

@testable import Billing

@Suite struct LiteLLMPricesTests {
    @Test func `every price of a model with tiers and thresholds is read`() throws {
        let prices = try #require(
            try BillingFixtures.communityExcerpt().sheet.models["gpt-5.6-sol"]
        )
        let long = ContextTier(threshold: 272_000)
        let expected: [PriceKey: Int128] = [
            PriceKey(.input): 4_000_000, PriceKey(.output): 20_000_000,
            PriceKey(.cacheRead): 400_000, PriceKey(.cacheWriteShort): 5_000_000,
            PriceKey(.input, .priority): 8_000_000, PriceKey(.output, .flex): 10_000_000,
            PriceKey(.input, .standard, long): 8_000_000,
            PriceKey(.output, .priority, long): 60_000_000,
            PriceKey(.cacheRead, .batch, long): 400_000,
            PriceKey(.cacheWriteShort, .flex, long): 5_000_000,
        ]
        for (key, price) in expected { #expect(prices.tokenPrices[key] == Pico(price), "\(key)") }
        #expect(prices.tokenPrices.count == 32)
        #expect(prices.fees == [.webSearch: Pico(10_000_000_000)])
        #expect(prices.inputTokensMax == 922_000)
        #expect(prices.outputTokensMax == 128_000)
    }

    @Test func `a cache write above one hour is the long class`() throws {
        let prices = try #require(
            try BillingFixtures.communityExcerpt().sheet.models["claude-opus-5-5"]
        )
        #expect(prices.tokenPrices[PriceKey(.cacheWriteShort)] == Pico(5_000_000))
        #expect(prices.tokenPrices[PriceKey(.cacheWriteLong)] == Pico(8_000_000))
    }

    @Test func `ranges of tiered pricing become thresholds`() throws {
        let prices = try #require(
            try BillingFixtures.communityExcerpt().sheet.models["dashscope/qwen3-coder-plus"]
        )
        let thresholds = Set(prices.tokenPrices.keys.map(\.contextTier.threshold))
        #expect(thresholds == [0, 32_000, 128_000, 256_000])
        let key = PriceKey(.output, .standard, ContextTier(threshold: 256_000))
        #expect(prices.tokenPrices[key] == Pico(60_000_000))
    }

    @Test func `dearer reasoning makes output cost as much, and the report says so`() throws {
        let file = try BillingFixtures.communityExcerpt()
        let prices = try #require(file.sheet.models["dashscope/qwen-turbo"])
        #expect(prices.tokenPrices[PriceKey(.output)] == Pico(500_000))
        #expect(file.report.adjusted.contains { $0.model == "dashscope/qwen-turbo" })
    }

    @Test(arguments: [
        ("sample_spec", "not a model"), ("fallback_generalizations", "not a model"),
        ("fireworks-ai-default", "not a model"), ("codestral/codestral-latest", "priced at zero"),
        ("azure/model-router", "incomplete prices"),
        ("databricks/databricks-claude-sonnet-4", "a price that cannot be kept exactly"),
        ("perplexity/sonar-deep-research", "priced by what cannot be charged"),
        ("gemini/gemini-omni-flash-preview", "priced by what cannot be charged"),
        ("medlm-large", "no price per token"), ("openai/container", "no price per token"),
        ("fireworks_ai/accounts/fireworks/models/minimax-m2p7", "no price per token"),
        ("bedrock/*/1-month-commitment/cohere.command-text-v14", "incomplete prices"),
    ])
    func `a model that cannot be charged is left out with its reason`(
        model: String,
        kind: String
    ) throws {
        let file = try BillingFixtures.communityExcerpt()
        #expect(file.sheet.models[model] == nil)
        #expect(file.report.skipped.first { $0.model == model }?.reason.kind == kind)
    }

    @Test func `every entry is imported or reported, and every price key is known or counted`()
        throws
    {
        let bytes = try BillingFixtures.fixture("litellm-excerpt.json")
        let file = try LiteLLMPrices(parsing: bytes)
        let entries = try #require(try JSONTree(parsing: bytes).members)
        #expect(file.report.importedCount + file.report.skipped.count == entries.count)
        #expect(file.report.importedCount == file.sheet.models.count)
        #expect(file.report.unpricedKeys["input_cost_per_token_decisions"] == 1)
        #expect(file.report.unpricedKeys["provider_specific_entry"] == 1)
        #expect(file.report.unpricedKeys["google_maps_grounding_cost_per_query"] == 2)
        #expect(file.report.unpricedKeys["cache_read_input_audio_token_cost"] == 1)
    }

    @Test func `a search that usage does not report is charged with every call`() throws {
        let file = try BillingFixtures.communityExcerpt()
        let sonar = try #require(file.sheet.models["perplexity/sonar"])
        #expect(sonar.fees[.request] == Pico(12_000_000_000))
        let search = try #require(file.sheet.models["gpt-4o-search-preview"])
        #expect(search.fees[.request] == Pico(25_000_000_000))
        let online = try #require(file.sheet.models["perplexity/pplx-7b-online"])
        #expect(online.fees[.request] == Pico(5_000_000_000))
        #expect(try #require(file.sheet.models["gpt-5.4-mini"]).fees[.request] == nil)
    }

    @Test func `a cache price of zero is unknown, not free`() throws {
        let file = try BillingFixtures.communityExcerpt()
        let model = try #require(file.sheet.models["tensormesh/openai/gpt-oss-20b"])
        #expect(model.tokenPrices[PriceKey(.cacheRead)] == nil)
    }

    @Test func `a long prompt that the file makes cheaper costs what a short one does`() throws {
        let file = try BillingFixtures.communityExcerpt()
        let model = try #require(file.sheet.models["gemini-2.5-flash"])
        let long = PriceKey(.audioInput, .standard, ContextTier(threshold: 200_000))
        #expect(model.tokenPrices[long] == Pico(1_000_000))
        #expect(file.report.adjusted.contains { $0.note.hasPrefix("audio_input above 200000") })
    }

    @Test func `the older limit stands in for a missing output limit`() throws {
        let file = try BillingFixtures.communityExcerpt()
        #expect(file.sheet.models["perplexity/sonar"]?.outputTokensMax == 128_000)
    }

    @Test(arguments: [
        ("input_cost_per_token_ultrafast", LiteLLMKey.unpriced),
        ("input_cost_per_token_above_k_tokens", .unpriced),
        ("input_cost_per_token_above_1hr", .unpriced),
        ("output_cost_per_token_above_9999999999k_tokens", .unpriced),
        ("regional_processing_uplift_multiplier_eu", .unpriced),
        ("off_peak_pricing", .unpriced), ("input_cost_per_image", .unpriced),
        ("supports_vision", .information), ("source", .information),
        (
            "cache_creation_input_token_cost_above_1hr_above_200k_tokens_priority",
            .token(PriceKey(.cacheWriteLong, .priority, ContextTier(threshold: 200_000)))
        ),
    ])
    func `a key means what it says or is reported`(key: String, meaning: LiteLLMKey) {
        #expect(LiteLLMKey(key) == meaning)
    }

    @Test(arguments: ["[]", "{}", "{\"a\": {\"mode\": \"chat\"}}", "not json"])
    func `a file without a single price is refused`(text: String) {
        #expect(throws: PriceFileError.self) { try LiteLLMPrices(parsing: Array(text.utf8)) }
    }

    /// The real file, where a copy is at hand: `FAREBOX_LITELLM_PRICES=path swift test`.
    @Test(.enabled(if: ProcessInfo.processInfo.environment["FAREBOX_LITELLM_PRICES"] != nil))
    func `the whole community file imports and round-trips`() throws {
        let path = try #require(ProcessInfo.processInfo.environment["FAREBOX_LITELLM_PRICES"])
        let file = try LiteLLMPrices(parsing: Array(Data(contentsOf: URL(filePath: path))))
        #expect(file.report.importedCount > 2_500)
        let text = file.sheet.fareboxText
        let again = try FareboxPrices(parsing: Array(text.utf8)).sheet
        #expect(again.models == file.sheet.models)
    }
}
