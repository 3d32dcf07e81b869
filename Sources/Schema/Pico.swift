/// Money: an exact count of pico-units (10⁻¹²) of a currency that the context fixes.
///
/// A price of 0.0375 USD per million tokens is 37 500 pico per token, so a charge is a sum of
/// products of integers and is never rounded. The operators trap on overflow; they cannot reach
/// it, because every amount that enters is bounded (`chargeMax`, `balanceMax`) and `Int128` has
/// room for 2⁶³ of the largest charges.
package struct Pico: Hashable, Comparable, Sendable {
    // Two words and not one `Int128`: Swift 6.3 on x86-64 corrupts the stack in asynchronous
    // functions whose 128-bit arguments, with the others, do not fit into registers.
    private let high: Int64
    private let low: UInt64

    package init(_ units: Int128) {
        high = Int64(truncatingIfNeeded: units >> 64)
        low = UInt64(truncatingIfNeeded: units)
    }

    package var units: Int128 { Int128(high) << 64 | Int128(low) }

    package static let zero = Pico(0)

    /// The largest single charge, so that an event's amount fits a `bigint`: 9.2 million units.
    package static let chargeMax = Pico(Int128(Int64.max))

    /// The largest balance or grant: 10²⁵ pico, ten trillion units, well inside `numeric(38,0)`.
    package static let balanceMax = Pico(10_000_000_000_000_000_000_000_000)

    package static func + (left: Pico, right: Pico) -> Pico { Pico(left.units + right.units) }
    package static func - (left: Pico, right: Pico) -> Pico { Pico(left.units - right.units) }
    package static prefix func - (amount: Pico) -> Pico { Pico(-amount.units) }
    package static func += (left: inout Pico, right: Pico) { left = left + right }
    package static func -= (left: inout Pico, right: Pico) { left = left - right }
    package static func < (left: Pico, right: Pico) -> Bool { left.units < right.units }

    /// This amount, or zero when it is below zero.
    package var clampedToZero: Pico { max(self, .zero) }

    /// This amount as a `bigint`; nil when it does not fit.
    package var int64: Int64? { Int64(exactly: units) }
}

extension Pico: CustomStringConvertible {
    private static let unitsPerOne: UInt128 = 1_000_000_000_000
    private static let fractionDigits = 12

    /// The exact decimal, without an exponent and without trailing zeros: `-0.0375`, `5`.
    package var description: String { decimal(fractionDigitsMin: 0) }

    /// The exact decimal with at least so many digits after the point: `5.00`, `4.9999625`.
    package func decimal(fractionDigitsMin: Int) -> String {
        let (whole, rest) = units.magnitude.quotientAndRemainder(dividingBy: Self.unitsPerOne)
        var fraction = UInt64(rest)
        var digitCount = Self.fractionDigits
        while digitCount > fractionDigitsMin, fraction.isMultiple(of: 10), digitCount > 0 {
            fraction /= 10
            digitCount -= 1
        }
        var text = units < 0 ? "-" : ""
        // Sixty-four bits hold all but absurd amounts, and print many times faster.
        text += UInt64(exactly: whole).map { String($0) } ?? String(whole)
        guard digitCount > 0 else { return text }
        let digits = String(fraction)
        text += "."
        for _ in digits.utf8.count..<digitCount { text += "0" }
        text += digits
        return text
    }

    /// Reads a plain decimal such as `5`, `+0.25` or `-12.5`.
    ///
    /// Returns nil for anything else, for more than twelve decimals, and beyond `balanceMax`:
    /// an amount that cannot be kept exactly is refused, never rounded.
    package init?(_ text: String) {
        var rest = text[...]
        let isNegative = rest.first == "-"
        if isNegative || rest.first == "+" { rest.removeFirst() }
        let parts = rest.split(separator: ".", maxSplits: 1, omittingEmptySubsequences: false)
        guard let whole = parts.first, !whole.isEmpty else { return nil }
        let fraction = parts.count == 2 ? parts[1] : ""
        if parts.count == 2, fraction.isEmpty { return nil }
        guard whole.count <= 14, fraction.count <= Self.fractionDigits else { return nil }
        let digits = whole + fraction
        guard digits.utf8.allSatisfy({ (UInt8(ascii: "0")...UInt8(ascii: "9")).contains($0) })
        else { return nil }
        let padding = String(repeating: "0", count: Self.fractionDigits - fraction.count)
        guard let magnitude = Int128(digits + padding) else { return nil }
        guard magnitude <= Self.balanceMax.units else { return nil }
        self.init(isNegative ? -magnitude : magnitude)
    }
}

/// An ISO 4217 currency code and the digits of its minor unit.
package struct Currency: Hashable, Sendable, CustomStringConvertible {
    /// Three upper-case letters.
    package let code: String
    /// Digits after the point in the currency's own notation, by ISO 4217 list one.
    package let exponent: Int

    /// Fails unless `code` is three letters from A to Z.
    package init?(_ code: String) {
        guard code.utf8.count == 3,
            code.utf8.allSatisfy({ (UInt8(ascii: "A")...UInt8(ascii: "Z")).contains($0) })
        else { return nil }
        self.init(known: code)
    }

    private init(known code: String) {
        self.code = code
        exponent = Self.exponent(of: code)
    }

    package static let usd = Currency(known: "USD")

    package var description: String { code }

    private static func exponent(of code: String) -> Int {
        switch code {
        case "BIF", "CLP", "DJF", "GNF", "ISK", "JPY", "KMF", "KRW", "PYG", "RWF", "UGX", "UYI",
            "VND", "VUV", "XAF", "XOF", "XPF":
            0
        case "BHD", "IQD", "JOD", "KWD", "LYD", "OMR", "TND": 3
        case "CLF", "UYW": 4
        default: 2
        }
    }

    /// The amount, exact, in this currency's notation: `4.9999625 USD`.
    package func text(_ amount: Pico) -> String {
        "\(amount.decimal(fractionDigitsMin: exponent)) \(code)"
    }
}
