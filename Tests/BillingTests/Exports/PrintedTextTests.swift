import Schema
import Testing

@testable import Billing

@Suite struct PrintedTextTests {
    @Test(arguments: [
        ("0", "0"), ("999", "999"), ("1000", "1,000"), ("1234567.890123", "1,234,567.890123"),
        ("-12345.60", "\u{2212}12,345.60"), ("-0.05", "\u{2212}0.05"),
        ("10000000000000.00", "10,000,000,000,000.00"),
    ])
    func `thousands are set apart`(decimal: String, text: String) {
        #expect(PrintedText.grouped(decimal) == text)
    }

    @Test func `an amount has its currency's decimals`() throws {
        let amount = try #require(Pico("1234.5"))
        #expect(PrintedText.amount(amount, .usd) == "1,234.50")
        #expect(PrintedText.amount(Pico(0), try #require(Currency("JPY"))) == "0")
        #expect(PrintedText.amount(amount, try #require(Currency("KWD"))) == "1,234.500")
    }

    @Test func `dates are written out, so that nobody takes a month for a day`() throws {
        let date = try #require(CalendarDate(year: 2026, month: 3, day: 4))
        #expect(PrintedText.date(date) == "4 March 2026")
        #expect(PrintedText.month(Month(date)) == "March 2026")
    }
}
