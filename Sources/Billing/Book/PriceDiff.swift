import Schema

/// What a new price sheet changes against the one before it.
package struct PriceDiff: Hashable, Sendable {
    /// A price by a thousand or more, up or down, is a slip of the unit until somebody insists.
    package static let jumpFactor: Int128 = 1_000

    package struct Change: Hashable, Sendable {
        package enum Item: Hashable, Sendable, CustomStringConvertible {
            case token(PriceKey)
            case fee(FeeKind)

            package var description: String {
                switch self {
                case .token(let key): key.description
                case .fee(let kind): "\(kind.rawValue) fee"
                }
            }
        }

        package let model: String
        package let item: Item
        /// Nil when there was no such price.
        package let before: Pico?
        /// Nil when there is none any more.
        package let after: Pico?

        /// Whether the price moved so far that it needs to be forced.
        package var isJump: Bool {
            guard let before, let after, before != after else { return false }
            let (low, high) = (min(before, after), max(before, after))
            guard low > .zero else { return after == .zero }
            return high.units >= low.units * PriceDiff.jumpFactor
        }
    }

    package private(set) var added: [String] = []
    package private(set) var removed: [String] = []
    /// Changed prices of models in both, by model and item.
    package private(set) var changes: [Change] = []
    /// Models in both whose token limits differ.
    package private(set) var limitsChanged: [String] = []

    package init(from before: PriceSheet?, to after: PriceSheet) {
        let old = before?.models ?? [:]
        added = after.models.keys.filter { old[$0] == nil }.sorted()
        removed = old.keys.filter { after.models[$0] == nil }.sorted()
        for (model, prices) in after.models.sorted(by: { $0.key < $1.key }) {
            guard let previous = old[model], previous != prices else { continue }
            changes += Self.changes(model, from: previous, to: prices)
            if previous.inputTokensMax != prices.inputTokensMax
                || previous.outputTokensMax != prices.outputTokensMax
            {
                limitsChanged.append(model)
            }
        }
    }

    package var isEmpty: Bool {
        added.isEmpty && removed.isEmpty && changes.isEmpty && limitsChanged.isEmpty
    }

    /// Changes that are refused unless forced.
    package var jumps: [Change] { changes.filter(\.isJump) }

    private static func changes(
        _ model: String,
        from before: ModelPrices,
        to after: ModelPrices
    ) -> [Change] {
        let keys = Set(before.tokenPrices.keys).union(after.tokenPrices.keys).sorted()
        let tokens = keys.map { key in
            Change(
                model: model,
                item: .token(key),
                before: before.tokenPrices[key],
                after: after.tokenPrices[key]
            )
        }
        let fees = FeeKind.allCases.map { kind in
            Change(
                model: model,
                item: .fee(kind),
                before: before.fees[kind],
                after: after.fees[kind]
            )
        }
        return (tokens + fees).filter { $0.before != $0.after }
    }
}

extension PriceDiff.Change: CustomStringConvertible {
    /// As people compare it: of tokens by the million, of fees by the call; `none` for no price.
    package var beforeText: String { text(before) }
    package var afterText: String { text(after) }

    /// `gpt-4o input: 2.5 → 3 (+20%)`, by the million tokens, fees by the call.
    package var description: String {
        "\(model) \(item): \(beforeText) → \(afterText)" + (movement.map { " (\($0))" } ?? "")
    }

    private func text(_ price: Pico?) -> String {
        guard let price else { return "none" }
        switch item {
        case .token: return Pico(price.units * 1_000_000).description
        case .fee: return price.description
        }
    }

    /// By how many percent the price moved, rounded towards zero to two decimals.
    package var movement: String? {
        guard let before, let after, before > .zero else { return nil }
        let basisPoints = (after.units - before.units) * 10_000 / before.units
        let magnitude = basisPoints.magnitude
        let (whole, rest) = magnitude.quotientAndRemainder(dividingBy: 100)
        let sign = after < before ? "-" : "+"
        return "\(sign)\(whole)" + (rest == 0 ? "" : ".\(rest < 10 ? "0" : "")\(rest)") + "%"
    }
}
