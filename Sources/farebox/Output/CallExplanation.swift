import Billing
import Ledger
import Postgres
import Schema

/// A call's charge, line by line, computed again from its event and its prices.
struct CallExplanation {
    let usage: Usage
    let recorded: RecordedEvent
    let charge: Charge
    let currency: Currency
    /// Whose prices they are: the list's or a plan's.
    let line: PriceLine

    /// - Parameter key: whose call it must be, of which account; nil for anybody's.
    /// - Returns: nil when there is no such call.
    /// - Throws: when the charge cannot be computed again, or comes out otherwise.
    static func read(
        _ request: RequestID,
        of key: (account: AccountID, key: KeyID)? = nil,
        timeLimit: Duration? = nil,
        in database: Database
    ) async throws -> CallExplanation? {
        guard
            let recorded = try await EventStore(database).usage(
                of: request,
                account: key?.account,
                timeLimit: timeLimit
            ),
            case .usage(let usage) = recorded.event.body, key.map({ $0.key == usage.key }) ?? true
        else { return nil }
        guard let edition = try await PriceBook(database).edition(usage.priceVersion),
            let terms = edition.terms(for: usage.model)
        else {
            throw CommandFailure(
                "price version \(usage.priceVersion), by which the call was charged, has no"
                    + " price of \(usage.model)"
            )
        }
        let requests: Int64 = usage.source == .none ? 0 : 1
        let charge = Charge(
            tokens: usage.tokens,
            webSearches: usage.webSearches,
            requests: requests,
            serviceTier: usage.serviceTier,
            terms: terms,
            hold: usage.hold
        )
        guard charge.charge == usage.charge else {
            throw CommandFailure(
                "the event says \(usage.charge), its prices say \(charge.charge): run"
                    + " farebox ledger verify"
            )
        }
        return CallExplanation(
            usage: usage,
            recorded: recorded,
            charge: charge,
            currency: terms.currency,
            line: edition.header.line
        )
    }

    /// The currency of the upstream's cost.
    var costCurrency: Currency { usage.upstreamCostCurrency ?? currency }

    /// What the customer may see.
    var node: JSONNode { .object(fields) }

    /// With what the operator alone may.
    var operatorNode: JSONNode {
        let cost = usage.upstreamCost
        return .object(
            fields + [
                ("upstream_model", .text(usage.upstreamModel)),
                ("upstream_cost", cost.map { .money($0, costCurrency) } ?? .null),
                ("upstream_cost_currency", cost == nil ? .null : .text(costCurrency.code)),
            ]
        )
    }

    private var fields: [(String, JSONNode)] {
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
            ("attempts", .attempts(usage)),
            ("usage_source", .text(usage.source.rawValue)),
            ("outcome", .text(usage.outcome.rawValue)),
            ("service_tier", .text(usage.serviceTier.rawValue)),
            ("context_threshold", .integer(Int64(usage.contextTier.threshold))),
            ("price_version", .integer(usage.priceVersion.number)),
            ("plan", .optional(line.plan)), ("terms", .array(terms)),
            ("total", .money(charge.total, currency)),
            ("charge", .money(usage.charge, currency)), ("hold", .money(usage.hold, currency)),
            ("excess", .money(recorded.excess, currency)),
            ("lowered_cap", usage.loweredCap.map(JSONNode.integer) ?? .null),
        ]
    }
}

extension Charge.Line {
    /// What was charged for: a class of tokens, or a fee.
    var name: String {
        switch item {
        case .tokens(let tokenClass): tokenClass.rawValue
        case .fee(let kind): "\(kind.rawValue) fee"
        }
    }
}
