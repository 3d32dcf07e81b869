import Schema

/// What a plan adds to list prices or takes off them, in whole hundredths of a percent.
package struct BasisPoints: Hashable, Comparable, Sendable {
    /// From a discount of 99 % to ten times the list price.
    package static let range: ClosedRange<Int32> = -9_900...90_000

    /// 10 000 is 100 %.
    package let value: Int32

    /// Fails outside of `range`.
    package init?(_ value: Int32) {
        guard Self.range.contains(value) else { return nil }
        self.value = value
    }

    /// Reads a percentage with at most two decimals, as `-12.5%`, `+20%` or `20`.
    package init?(percentage text: String) {
        var rest = text[...]
        if rest.last == "%" { rest.removeLast() }
        let isNegative = rest.first == "-"
        if isNegative || rest.first == "+" { rest.removeFirst() }
        guard rest.first != "-", let decimal = try? DecimalText(String(rest)),
            let magnitude = try? decimal.scaled(byPowerOfTen: 2, atMost: Int128(Int32.max))
        else { return nil }
        self.init(Int32(isNegative ? -magnitude : magnitude))
    }

    /// The price with this added: rounded half to even, once, to a whole pico-unit.
    ///
    /// What costs something never becomes free: it costs one pico-unit at least.
    package func adjusting(_ price: Pico) -> Pico {
        guard price > .zero else { return price }
        let scaled = price.units * Int128(10_000 + value)
        let (whole, rest) = scaled.quotientAndRemainder(dividingBy: 10_000)
        let isUp = rest > 5_000 || (rest == 5_000 && !whole.isMultiple(of: 2))
        return Pico(max(1, whole + (isUp ? 1 : 0)))
    }

    package static func < (left: Self, right: Self) -> Bool { left.value < right.value }
}

extension BasisPoints: CustomStringConvertible {
    /// `+20%`, `-12.5%`, `0%`.
    package var description: String {
        let magnitude = value.magnitude
        var text = value < 0 ? "-" : value > 0 ? "+" : ""
        text += String(magnitude / 100)
        let rest = magnitude % 100
        if rest > 0 {
            text += rest.isMultiple(of: 10) ? ".\(rest / 10)" : ".\(rest < 10 ? "0" : "")\(rest)"
        }
        return text + "%"
    }
}

/// A plan's terms: adjustments of list prices by model, the most specific pattern first to count.
///
/// A model that no pattern matches costs the list price.
package struct PlanAdjustments: Hashable, Sendable {
    package static let none = PlanAdjustments([:])

    private let byPattern: [ModelPattern: BasisPoints]

    package init(_ byPattern: [ModelPattern: BasisPoints]) {
        self.byPattern = byPattern
    }

    /// Sorted by pattern.
    package var entries: [(pattern: ModelPattern, basisPoints: BasisPoints)] {
        byPattern.map { (pattern: $0.key, basisPoints: $0.value) }
            .sorted { $0.pattern.description < $1.pattern.description }
    }

    /// The terms with one adjustment set, or with nil taken out.
    package func setting(_ pattern: ModelPattern, to basisPoints: BasisPoints?) -> Self {
        var changed = byPattern
        changed[pattern] = basisPoints
        return Self(changed)
    }

    /// The exact prices that these terms make of a price list.
    ///
    /// For every model that an adjustment matches, what is found here by specificity is the
    /// adjusted price of what is found in the list. An entry stands under each name or pattern at
    /// which either side changes: that of the list, or that of the adjustment where it is narrower.
    package func prices(from list: [String: ModelPrices]) -> [String: ModelPrices] {
        let listed = list.keys.compactMap(ModelPattern.init)
        let listPatterns = listed.filter(\.isPrefix)
        var names: Set<ModelPattern> = []
        for adjusted in byPattern.keys {
            for listed in listed {
                if adjusted.covers(listed) {
                    names.insert(listed)
                } else if listed.covers(adjusted) {
                    names.insert(adjusted)
                }
            }
        }
        var prices: [String: ModelPrices] = [:]
        for name in names {
            let found =
                list[name.description]
                ?? Self.narrowest(listPatterns, covering: name).flatMap { list[$0.description] }
            let adjustment = Self.narrowest(Array(byPattern.keys), covering: name)
                .flatMap { byPattern[$0] }
            guard let found, let adjustment else { continue }
            prices[name.description] = found.adjusted(by: adjustment)
        }
        return prices
    }

    private static func narrowest(
        _ patterns: [ModelPattern],
        covering name: ModelPattern
    ) -> ModelPattern? {
        patterns.filter { $0.covers(name) }.max { $0.specificity < $1.specificity }
    }
}

extension ModelPrices {
    fileprivate func adjusted(by basisPoints: BasisPoints) -> ModelPrices {
        var prices = self
        prices.tokenPrices = tokenPrices.mapValues(basisPoints.adjusting)
        prices.fees = fees.mapValues(basisPoints.adjusting)
        return prices
    }
}
