import Schema
import Testing

@testable import Billing

@Suite struct AdmissionNeedTests {
    private let terms = BillingFixtures.terms(
        [PriceKey(.input): 10, PriceKey(.output): 100],
        outputTokensMax: 1_000
    )

    private func need(
        asked: Int64? = nil,
        _ shortCredit: ShortCredit = .clamp
    ) throws -> AdmissionNeed {
        let request = QuoteRequest(inputTokensBound: 10, outputTokensAsked: asked)
        return AdmissionNeed(try Quote(request, terms: terms), shortCredit: shortCredit)
    }

    @Test func `money for the whole cap leaves it alone, and more money holds no more`() throws {
        let fit = try #require(try need().fit(Pico(1_000_000)))
        #expect(fit.outputCap == 1_000)
        #expect(fit.hold == Pico(100_100))
    }

    @Test func `short money lowers the cap and holds only what that costs`() throws {
        let fit = try #require(try need().fit(Pico(50_150)))
        #expect(fit.outputCap == 500)
        #expect(fit.hold == Pico(50_100))
    }

    @Test func `money below the least of use fits nothing`() throws {
        #expect(try need().least == Pico(25_700))
        #expect(try need().fit(Pico(25_699)) == nil)
        #expect(try need(asked: 5).fit(Pico(600))?.outputCap == 5)
    }

    @Test func `a policy that refuses never lowers a cap`() throws {
        let need = try need(.refuse)
        #expect(need.least == need.want)
        #expect(need.fit(Pico(100_099)) == nil)
        #expect(need.fit(Pico(100_100))?.outputCap == 1_000)
    }
}
