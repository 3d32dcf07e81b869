import Schema
import Testing

@testable import Payments

@Suite struct StripeAmountTests {
    private func count(_ amount: String, _ code: String) throws -> Int64? {
        StripeAmount.count(try #require(Pico(amount)), try #require(Currency(code)))
    }

    @Test(
        arguments: [
            ("25", "USD", 2_500), ("0.01", "USD", 1), ("1250", "JPY", 1_250),
            ("1.25", "KWD", 1_250), ("5", "ISK", 500), ("5", "UGX", 500), ("5", "MGA", 5),
            ("999999.99", "USD", 99_999_999),
        ] as [(String, String, Int64)]
    )
    func `an amount is whole minor units, and back again`(
        amount: String,
        code: String,
        expected: Int64
    ) throws {
        #expect(try count(amount, code) == expected)
        let currency = try #require(Currency(code))
        #expect(StripeAmount.amount(expected, currency) == Pico(amount))
    }

    @Test(
        arguments: [
            ("0.001", "USD"), ("0", "USD"), ("1000000", "USD"), ("1.5", "JPY"), ("0.5", "MGA"),
            ("1.255", "KWD"), ("-1", "USD"),
        ]
    )
    func `an amount that Stripe cannot state is refused`(amount: String, code: String) throws {
        #expect(try count(amount, code) == nil)
    }
}
