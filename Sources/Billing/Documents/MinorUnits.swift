import Schema

/// Whole minor units of a currency that the context fixes: cents, yen, fils.
package struct MinorUnits: Hashable, Comparable, Sendable {
    package let count: Int64

    package init(_ count: Int64) {
        self.count = count
    }

    package static let zero = MinorUnits(0)

    package static func + (left: Self, right: Self) -> Self { Self(left.count + right.count) }
    package static func - (left: Self, right: Self) -> Self { Self(left.count - right.count) }
    package static func += (left: inout Self, right: Self) { left = left + right }
    package static func < (left: Self, right: Self) -> Bool { left.count < right.count }

    /// The amount in a currency's own notation, without its code: `12.50`, `1250`, `1.250`.
    package func decimal(in currency: Currency) -> String {
        pico(in: currency).decimal(fractionDigitsMin: currency.exponent)
    }

    /// The same amount, exactly.
    package func pico(in currency: Currency) -> Pico {
        Pico(Int128(count) * currency.minorUnit.units)
    }
}

extension Currency {
    /// One cent, yen or fils.
    package var minorUnit: Pico {
        var units: Int128 = 1_000_000_000_000
        for _ in 0..<exponent { units /= 10 }
        return Pico(units)
    }

    /// An amount in whole minor units, half to even; nil beyond what 64 bits hold.
    package func rounded(_ amount: Pico) -> MinorUnits? {
        Self.roundedHalfToEven(amount.units, minorUnit.units).map { MinorUnits($0) }
    }

    /// An amount that is whole minor units; nil for any other.
    package func exactly(_ amount: Pico) -> MinorUnits? {
        let (quotient, rest) = amount.units.quotientAndRemainder(dividingBy: minorUnit.units)
        return rest == 0 ? Int64(exactly: quotient).map { MinorUnits($0) } : nil
    }

    /// A quotient, half to even; nil beyond what 64 bits hold.
    package static func roundedHalfToEven(_ dividend: Int128, _ divisor: Int128) -> Int64? {
        let (quotient, rest) = dividend.magnitude.quotientAndRemainder(
            dividingBy: divisor.magnitude
        )
        let twice = rest * 2
        let isUp = twice > divisor.magnitude || (twice == divisor.magnitude && quotient & 1 == 1)
        guard let magnitude = Int64(exactly: quotient + (isUp ? 1 : 0)) else { return nil }
        return (dividend < 0) == (divisor < 0) ? magnitude : -magnitude
    }
}

/// Exact amounts shown in minor units, so that what is shown sums to the rounded sum.
///
/// Each is cut down, and the units that are then missing go to those that lost most; among equals,
/// to the earlier one.
package struct LargestRemainder: Hashable, Sendable {
    package let total: MinorUnits
    package let parts: [MinorUnits]
    /// What the exact sum has beyond `total`; below zero when it was rounded up.
    package let residue: Pico

    /// Nil when an amount is below zero, or the sum is beyond what 64 bits of minor units hold.
    package init?(_ amounts: [Pico], in currency: Currency) {
        let unit = currency.minorUnit.units
        let sum = amounts.reduce(.zero, +)
        guard let total = currency.rounded(sum), amounts.allSatisfy({ $0 >= .zero }) else {
            return nil
        }
        var parts: [Int64] = []
        var rests: [(rest: Int128, index: Int)] = []
        for (index, amount) in amounts.enumerated() {
            let (quotient, rest) = amount.units.quotientAndRemainder(dividingBy: unit)
            guard let part = Int64(exactly: quotient) else { return nil }
            parts.append(part)
            rests.append((rest, index))
        }
        // Below the number of amounts, for each lost less than a unit.
        let missing = Int(total.count - parts.reduce(0, +))
        rests.sort { ($1.rest, $0.index) < ($0.rest, $1.index) }
        for entry in rests.prefix(missing) { parts[entry.index] += 1 }
        self.total = total
        self.parts = parts.map { MinorUnits($0) }
        residue = sum - total.pico(in: currency)
    }
}
