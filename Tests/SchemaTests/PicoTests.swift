import Testing

@testable import Schema

@Suite struct PicoTests {
    @Test(arguments: [
        ("5", "5.00"), ("0.0375", "0.0375"), ("-12.5", "-12.50"), ("+1", "1.00"),
        ("0.000000000001", "0.000000000001"), ("-0.01", "-0.01"), ("00.10", "0.10"),
    ])
    func `a decimal is read and written exactly`(text: String, written: String) throws {
        let amount = try #require(Pico(text))
        #expect(amount.decimal(fractionDigitsMin: 2) == written)
    }

    @Test(arguments: [
        "", "-", ".", "1.", ".5", "1e3", "0x1", "1,000", "0.0000000000001", "NaN", "１",
        "99999999999999", "1 ", "--1",
    ])
    func `what cannot be kept exactly is refused`(text: String) {
        #expect(Pico(text) == nil)
    }

    @Test func `three input tokens at 0.0375 per million cost 112500 pico`() {
        let price = Pico(37_500)
        #expect(price + price + price == Pico(112_500))
        #expect(Currency.usd.text(Pico(112_500)) == "0.0000001125 USD")
    }

    @Test func `a yen has no minor unit`() throws {
        let yen = try #require(Currency("JPY"))
        #expect(yen.text(Pico(5_000_000_000_000)) == "5 JPY")
        #expect(Currency("XQX")?.isCurrent == false)
        #expect(["USD", "EUR", "JPY", "KWD"].allSatisfy { Currency($0)?.isCurrent == true })
        #expect(Currency("usd") == nil)
    }
}
