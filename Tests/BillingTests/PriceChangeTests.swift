import Ledger
import Postgres
import Schema
import TestSupport
import Testing

@testable import Billing

@Suite(.enabled(if: TestServer.isConfigured, "FAREBOX_TEST_OWNER_URL is not set"))
struct PriceChangeTests {
    @Test func `a price that changes in the middle of a month stands as two lines, exactly`()
        async throws
    {
        try await MonthStage.run(at: "2025-06-10T00:00:00Z") { stage in
            let before = try await stage.publish(input: Pico(37_500))
            let after = try await stage.publish(input: Pico(45_001))
            let account = try await stage.account(limit: "100")
            try await stage.call(account, input: 1_000_001, by: before, times: 3)
            try await stage.advance(to: "2025-06-15T12:00:00Z")
            try await stage.call(account, input: 777_777, by: after, times: 2)
            // Admitted before the change and ended behind it: charged as it was quoted.
            try await stage.call(account, input: 1, by: before, times: 1)
            try await stage.advance(to: "2025-07-02T00:00:00Z")
            let june = try #require(try await stage.close("2025-06").first)
            #expect(june.events == 6)
            #expect(june.lines.map(\.priceVersion) == [before.number, after.number])
            #expect(june.lines.map(\.quantity) == [3_000_004, 1_555_554])
            #expect(june.lines.map(\.unitPrice) == [Pico("0.0375"), Pico("0.045001")])
            #expect(june.lines.map(\.uncharged) == [.zero, .zero])
            #expect(june.lines.map(\.exact) == [Pico("0.11250015"), Pico("0.070001485554")])
            #expect(june.totals.exact == Pico("0.182501635554"))
            // 11.25 and 7.0001 cents make 18.25: both are cut down, and no cent is missing.
            #expect(june.totals.subtotal == MinorUnits(18))
            #expect(june.lines.map(\.amount) == [MinorUnits(11), MinorUnits(7)])
            let verdicts = try await stage.invoices.verdicts()
            #expect(verdicts.allSatisfy { $0.isOK })
        }
    }
}

extension MonthStage {
    /// Publishes a price of the model that calls are for.
    fileprivate func publish(input price: Pico) async throws -> PriceVersion {
        var sheet = PriceSheet(source: .farebox, currency: .usd)
        var prices = ModelPrices()
        prices.tokenPrices = [PriceKey(.input): price, PriceKey(.output): price]
        sheet.models["m"] = prices
        return try await PriceBook(database).publish(sheet).header.version
    }

    /// Calls that are charged what the version asks for.
    fileprivate func call(
        _ account: AccountID,
        input tokens: Int64,
        by version: PriceVersion,
        times count: Int
    ) async throws {
        let edition = try #require(try await PriceBook(database).edition(version))
        var counts = TokenUsage()
        counts.input = tokens
        let charge = Charge(
            tokens: counts,
            serviceTier: .standard,
            terms: try #require(edition.terms(for: "m")),
            hold: .chargeMax
        )
        for _ in 0..<count {
            try await self.charge(charge.charge, account, tokens: tokens, price: version.number)
        }
    }
}
