import Schema

/// A decimal number as a price file writes it, read without ever becoming binary.
///
/// `3.75e-08` and `0.000000037500` are the same number, and both are exactly 37 500 × 10⁻¹².
package struct DecimalText: Hashable, Sendable {
    package enum Failure: Error, Hashable, Sendable {
        case notANumber
        case negative
        /// Not a whole number of the unit asked for.
        case notExact
        /// Above the bound given.
        case tooLarge
    }

    /// Significant digits without zeros at either end; empty for zero.
    private let digits: [UInt8]
    /// The power of ten of the last digit.
    private let exponent: Int
    private let isNegative: Bool

    /// Reads a JSON number, or a plain decimal such as `5` or `0.25`.
    package init(_ text: String) throws(Failure) {
        var rest = Substring(text).utf8
        isNegative = rest.first == UInt8(ascii: "-")
        if isNegative { rest.removeFirst() }
        var digits = rest.takeDigits()
        guard !digits.isEmpty else { throw .notANumber }
        var exponent = 0
        if rest.first == UInt8(ascii: ".") {
            rest.removeFirst()
            let fraction = rest.takeDigits()
            guard !fraction.isEmpty else { throw .notANumber }
            digits += fraction
            exponent = -fraction.count
        }
        if rest.first == UInt8(ascii: "e") || rest.first == UInt8(ascii: "E") {
            rest.removeFirst()
            guard let shift = rest.takeExponent() else { throw .notANumber }
            exponent += shift
        }
        guard rest.isEmpty else { throw .notANumber }
        while digits.last == 0 {
            digits.removeLast()
            exponent += 1
        }
        self.digits = Array(digits.drop { $0 == 0 })
        self.exponent = self.digits.isEmpty ? 0 : exponent
    }

    /// This number × 10^`power` as a whole number from zero to `largest`; never rounded.
    package func scaled(byPowerOfTen power: Int, atMost largest: Int128) throws(Failure) -> Int128 {
        if digits.isEmpty { return 0 }
        if isNegative { throw .negative }
        let zeros = exponent + power
        guard zeros >= 0 else { throw .notExact }
        // An Int128 has 39 digits: more are too large whatever they are.
        guard digits.count + zeros <= 39 else { throw .tooLarge }
        var value: Int128 = 0
        for digit in digits + [UInt8](repeating: 0, count: zeros) {
            let (product, overflowed) = value.multipliedReportingOverflow(by: 10)
            let (sum, carried) = product.addingReportingOverflow(Int128(digit))
            guard !overflowed, !carried, sum <= largest else { throw .tooLarge }
            value = sum
        }
        return value
    }

    /// A price in units per token as pico per token, at most `PriceTerms.priceMax`.
    package func picoPerToken() throws(Failure) -> Pico {
        Pico(try scaled(byPowerOfTen: 12, atMost: PriceTerms.priceMax.units))
    }

    /// A price in units per million tokens as pico per token, at most `PriceTerms.priceMax`.
    package func picoPerTokenFromMillion() throws(Failure) -> Pico {
        Pico(try scaled(byPowerOfTen: 6, atMost: PriceTerms.priceMax.units))
    }
}

extension Substring.UTF8View {
    /// Removes the digits at the front and returns their values.
    fileprivate mutating func takeDigits() -> [UInt8] {
        let run = prefix { (UInt8(ascii: "0")...UInt8(ascii: "9")).contains($0) }
        self = dropFirst(run.count)
        return run.map { $0 - UInt8(ascii: "0") }
    }

    /// Removes a signed whole number; nil when there is none, or it is beyond any price's.
    fileprivate mutating func takeExponent() -> Int? {
        let isNegative = first == UInt8(ascii: "-")
        if isNegative || first == UInt8(ascii: "+") { removeFirst() }
        let digits = takeDigits()
        guard (1...6).contains(digits.count) else { return nil }
        let magnitude = digits.reduce(0) { $0 * 10 + Int($1) }
        return isNegative ? -magnitude : magnitude
    }
}
