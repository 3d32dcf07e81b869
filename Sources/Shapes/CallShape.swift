import Billing
import Schema

extension CallExplanation {
    /// What the customer may see.
    package var node: JSONNode { .object(fields(isOperator: false)) }

    /// With what the operator alone may.
    package var operatorNode: JSONNode {
        let cost = usage.upstreamCost
        return .object(
            fields(isOperator: true) + [
                ("upstream_model", .text(usage.upstreamModel)),
                ("upstream_cost", cost.map { .money($0, costCurrency) } ?? .null),
                ("upstream_cost_currency", cost == nil ? .null : .text(costCurrency.code)),
            ]
        )
    }

    private func fields(isOperator: Bool) -> [(String, JSONNode)] {
        let terms = charge.lines.map { line in
            JSONNode.object([
                ("class", .text(line.name)), ("tokens", .integer(line.quantity)),
                ("price", .text(line.price.description)), ("amount", .money(line.amount, currency)),
                ("basis", .text(line.basis.rawValue)),
            ])
        }
        return [
            ("request_id", .text("req_\(usage.request.hexadecimal)")),
            ("model", .text(usage.model)), ("upstream", .text(usage.upstream)),
            ("attempts", .attempts(usage, hidesUpstreamModel: !isOperator)),
            ("usage_source", .text(usage.source.rawValue)),
            ("outcome", .text(usage.outcome.rawValue)),
            ("service_tier", .text(usage.serviceTier.rawValue)),
            ("context_threshold", .integer(Int64(usage.contextTier.threshold))),
            ("price_version", .integer(usage.priceVersion.number)),
            ("plan", .optional(line.plan)), ("terms", .array(terms)),
            ("total", .money(charge.total, currency)),
            ("charge", .money(usage.charge, currency)), ("hold", .money(usage.hold, currency)),
            ("excess", .money(recorded.excess, currency)), ("late", .flag(isTooLate)),
            ("lowered_cap", usage.loweredCap.map(JSONNode.integer) ?? .null),
        ]
    }
}
