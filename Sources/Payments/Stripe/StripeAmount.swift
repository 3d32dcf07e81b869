import Schema

/// Amounts as Stripe writes them: whole minor units, of which it has its own idea for some
/// currencies.
enum StripeAmount {
    /// Eight digits are the most that Stripe takes.
    static let countMax: Int64 = 99_999_999

    /// An amount in Stripe's minor units; nil for one that it cannot state.
    static func count(_ amount: Pico, _ currency: Currency) -> Int64? {
        let unit = unit(of: currency)
        let (quotient, rest) = amount.units.quotientAndRemainder(dividingBy: unit.units)
        guard rest == 0, let count = Int64(exactly: quotient), (1...countMax).contains(count)
        else { return nil }
        // Of three decimals the last one is zero.
        return currency.exponent == 3 && !count.isMultiple(of: 10) ? nil : count
    }

    /// The amount of a count of Stripe's minor units.
    static func amount(_ count: Int64, _ currency: Currency) -> Pico {
        Pico(Int128(count) * unit(of: currency).units)
    }

    private static func unit(of currency: Currency) -> Pico {
        var units: Int128 = 1_000_000_000_000
        for _ in 0..<exponent(of: currency) { units /= 10 }
        return Pico(units)
    }

    /// Two have lost their decimals and keep them in Stripe's API; one has decimals that nobody
    /// pays in.
    private static func exponent(of currency: Currency) -> Int {
        switch currency.code {
        case "ISK", "UGX": 2
        case "MGA": 0
        default: currency.exponent
        }
    }
}
