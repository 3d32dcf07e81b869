import Schema
import Testing

@testable import Billing

@Suite struct FareboxPricesTests {
    private static let example = #"""
        {
          "format": "farebox-prices/1",
          "currency": "EUR",
          "models": {
            "house-*": {
              "context": 128000, "maxOutput": 8192,
              "input": "0.0375", "cache_read": 0.01, "output": "4.5",
              "tiers": {"priority": {"input": "0.075", "output": "9"}},
              "above": {"32000": {"input": "0.1", "tiers": {"priority": {"input": "0.2"}}}},
              "fees": {"request": "0.0005"}
            },
            "free": {"input": "0", "output": "0"}
          }
        }
        """#

    private func sheet(_ text: String) throws -> PriceSheet {
        try FareboxPrices(parsing: Array(text.utf8)).sheet
    }

    @Test func `prices per million tokens become exact pico per token`() throws {
        let sheet = try sheet(Self.example)
        #expect(sheet.currency.code == "EUR")
        let house = try #require(sheet.models["house-*"])
        let long = ContextTier(threshold: 32_000)
        #expect(
            house.tokenPrices.mapValues(\.units) == [
                PriceKey(.input): 37_500, PriceKey(.cacheRead): 10_000,
                PriceKey(.output): 4_500_000, PriceKey(.input, .priority): 75_000,
                PriceKey(.output, .priority): 9_000_000,
                PriceKey(.input, .standard, long): 100_000,
                PriceKey(.input, .priority, long): 200_000,
            ]
        )
        #expect(house.fees == [.request: Pico(500_000_000)])
        #expect(house.inputTokensMax == 128_000)
        #expect(sheet.models["free"]?.isFree == true)
    }

    @Test func `what is written is what was read`() throws {
        let sheet = try sheet(Self.example)
        let again = try self.sheet(sheet.fareboxText)
        #expect(again == sheet)
        #expect(again.digest == sheet.digest)
        #expect(again.fareboxText == sheet.fareboxText)
    }

    @Test func `the community file as our own is the same prices`() throws {
        let models = try BillingFixtures.communityExcerpt().sheet.models
        var sheet = PriceSheet(source: .farebox, currency: .usd)
        sheet.models = models
        #expect(try self.sheet(sheet.fareboxText) == sheet)
    }

    @Test func `the digest sees content, not notation`() throws {
        let spaced = try sheet(Self.example.replacing("\"0.0375\"", with: "3.75e-2"))
        #expect(try spaced.digest == sheet(Self.example).digest)
        let dearer = try sheet(Self.example.replacing("\"0.0375\"", with: "\"0.037501\""))
        #expect(try dearer.digest != sheet(Self.example).digest)
    }

    @Test(arguments: [
        ("farebox-prices/1", "farebox-prices/2", "format"),
        ("\"EUR\"", "\"euro\"", "currency"),
        ("\"house-*\"", "\"*house\"", "models.*house"),
        ("\"cache_read\": 0.01", "\"cached\": 0.01", "cached"),
        ("\"priority\": {\"input\": \"0.075\"", "\"fast\": {\"input\": \"0.075\"", "fast"),
        ("\"0.0375\"", "\"-1\"", "models.house-*.input"),
        ("\"0.0375\"", "\"0.00000001\"", "models.house-*.input"),
        ("\"0.0375\"", "\"cheap\"", "models.house-*.input"),
        ("\"32000\"", "\"0\"", "above.0"),
        ("\"request\"", "\"visit\"", "fees.visit"),
        ("128000", "1.5", "context"),
        ("\"output\": \"0\"", "\"cache_read\": \"0\"", "no output price"),
    ])
    func `a mistake is refused with its path`(old: String, new: String, hint: String) {
        let failure = #expect(throws: PriceFileError.self) {
            try sheet(Self.example.replacing(old, with: new))
        }
        #expect(failure?.description.contains(hint) == true, "\(failure?.description ?? "")")
    }
}
