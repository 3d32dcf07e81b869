import Schema
import Testing

@testable import Billing

@Suite struct DecimalTextTests {
    @Test(arguments: [
        ("3.75e-08", 37_500), ("0.000000037500", 37_500), ("3.75E-8", 37_500),
        ("37500e-12", 37_500),
        ("1e-12", 1), ("0.000000000001", 1), ("0", 0), ("0.0", 0), ("-0.0", 0), ("0e9", 0),
        ("2e-06", 2_000_000), ("1e3", 1_000_000_000_000_000), ("1000", 1_000_000_000_000_000),
        ("0.00000000000100000000000000000000000000000000000000000", 1),
    ])
    func `a price per token is read to the last digit`(text: String, pico: Int) throws {
        #expect(try DecimalText(text).picoPerToken() == Pico(Int128(pico)))
    }

    @Test(arguments: [
        ("3.7505e-13", DecimalText.Failure.notExact), ("2.9999900000000002e-06", .notExact),
        ("0.0000000000015", .notExact), ("1e-999999", .notExact),
        ("-1e-6", .negative), ("1000.000000000001", .tooLarge), ("1e4", .tooLarge),
        ("1e999999", .tooLarge), ("99999999999999999999999999999999999999999", .tooLarge),
        ("", .notANumber), ("-", .notANumber), (".5", .notANumber), ("1.", .notANumber),
        ("1e", .notANumber), ("1e+", .notANumber), ("NaN", .notANumber), ("1,5", .notANumber),
        ("0x1", .notANumber), (" 1", .notANumber), ("+1", .notANumber), ("1e9999999", .notANumber),
    ])
    func `what cannot be kept exactly is refused with its reason`(
        text: String,
        failure: DecimalText.Failure
    ) {
        #expect(throws: failure) { try DecimalText(text).picoPerToken() }
    }

    @Test func `a digit beyond any decimal type's reach is not rounded away`() {
        let text = "0.000003" + String(repeating: "0", count: 60) + "1"
        #expect(throws: DecimalText.Failure.notExact) { try DecimalText(text).picoPerToken() }
    }

    @Test func `a price per million tokens is a millionth of it per token`() throws {
        #expect(try DecimalText("0.0375").picoPerTokenFromMillion() == Pico(37_500))
        #expect(try DecimalText("0.000001").picoPerTokenFromMillion() == Pico(1))
        #expect(throws: DecimalText.Failure.notExact) {
            try DecimalText("0.0000001").picoPerTokenFromMillion()
        }
        #expect(throws: DecimalText.Failure.tooLarge) {
            try DecimalText("1000000000.000001").picoPerTokenFromMillion()
        }
    }
}
