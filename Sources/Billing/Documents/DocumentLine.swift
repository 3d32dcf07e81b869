import Schema

/// What a line counts.
package enum LineItem: Hashable, Sendable {
    case tokens(TokenClass)
    case fee(FeeKind)
    /// Calls whose charge is no product of counts and prices, such as one of its whole hold.
    case calls
    /// Credit that was paid for: the line of a receipt.
    case credit
    /// A part of another document: the line of a credit note.
    case correction
}

/// A line of a document: project × model × price term, with what was counted and what it costs.
package struct DocumentLine: Hashable, Sendable, Codable {
    /// The month of the calls, where it is not the document's own: late ones are dated.
    package var serviceMonth: Month?
    /// Slugs of projects are unique within an account; empty where the line has none.
    package var project: String
    /// As the customer asked for it; empty where the line has none.
    package var model: String
    package var item: LineItem
    package var serviceTier: ServiceTier
    /// Tokens of prompt above which the price applied; 0 is the base.
    package var contextThreshold: Int32
    /// Nil where no price list stands behind the line.
    package var priceVersion: Int64?
    /// Tokens, calls, or 1.
    package var quantity: Int64
    /// Of a million tokens, or of one call; nil where the amount is no product.
    package var unitPrice: Pico?
    /// What of quantity × price was not charged: the operator's loss, such as beyond a hold.
    package var uncharged: Pico
    /// What was charged: quantity × price, less what was not charged.
    package var exact: Pico
    /// `exact` in whole minor units, so that all lines sum to the subtotal.
    package var amount: MinorUnits

    package init(item: LineItem, quantity: Int64, exact: Pico, amount: MinorUnits) {
        project = ""
        model = ""
        self.item = item
        serviceTier = .standard
        contextThreshold = 0
        self.quantity = quantity
        uncharged = .zero
        self.exact = exact
        self.amount = amount
    }

    /// How many units `unitPrice` is for: a million tokens, or one call.
    package var priceQuantity: Int64 {
        if case .tokens = item { 1_000_000 } else { 1 }
    }

    /// `gpt-5.4-mini, output tokens, priority, prompts above 272000`.
    package var description: String {
        var parts = model.isEmpty ? [] : [model]
        parts.append(item.title)
        if serviceTier != .standard { parts.append(serviceTier.rawValue) }
        if contextThreshold > 0 { parts.append("prompts above \(contextThreshold)") }
        return parts.joined(separator: ", ")
    }
}

/// A sum of lines.
package struct DocumentSubtotal: Hashable, Sendable, Codable {
    /// A project's slug, or the identifier of a key.
    package var name: String
    /// What people call it; a key's name.
    package var title: String?
    package var exact: Pico
    package var amount: MinorUnits

    package init(name: String, title: String? = nil, exact: Pico, amount: MinorUnits) {
        self.name = name
        self.title = title
        self.exact = exact
        self.amount = amount
    }
}

extension LineItem {
    /// A stable name: `input`, `fee_request`, `calls`.
    package var name: String {
        switch self {
        case .tokens(let tokenClass): tokenClass.rawValue
        case .fee(let fee): "fee_\(fee.rawValue)"
        case .calls: "calls"
        case .credit: "credit"
        case .correction: "correction"
        }
    }

    /// What people read: `cache read tokens`.
    package var title: String {
        switch self {
        case .tokens(let tokenClass):
            "\(tokenClass.rawValue.split(separator: "_").joined(separator: " ")) tokens"
        case .fee(.request): "requests"
        case .fee(.webSearch): "web searches"
        case .calls: "calls"
        case .credit: "prepaid credit"
        case .correction: "correction"
        }
    }

    package static let all: [LineItem] =
        TokenClass.allCases.map { .tokens($0) } + FeeKind.allCases.map { .fee($0) }
        + [.calls, .credit, .correction]
}
