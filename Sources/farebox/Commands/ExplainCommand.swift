import Billing
import Ledger
import Schema

/// `farebox explain`: a call's charge, line by line, computed again from its event and its prices.
enum ExplainCommand {
    static let all = [
        Command(
            words: ["explain"],
            summary: "show how a call's charge came about, line by line",
            arguments: ["REQUEST_ID"],
            options: [.database, .json],
            run: run
        )
    ]

    private static func run(_ invocation: Invocation) async throws -> CommandResult {
        let text = invocation.argument(0)
        guard let request = RequestID(text.hasPrefix("req_") ? String(text.dropFirst(4)) : text)
        else { throw UsageError("REQUEST_ID looks like req_ and 32 hexadecimal digits") }
        return try await CommandDatabase.with(invocation) { database in
            guard let recorded = try await EventStore(database).usage(of: request),
                case .usage(let usage) = recorded.event.body
            else { throw CommandFailure("there is no usage event of \(text)") }
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
            return CommandResult(
                text: page(usage, recorded, charge, terms.currency),
                json: node(usage, recorded, charge, terms.currency)
            )
        }
    }

    private static func page(
        _ usage: Usage,
        _ recorded: RecordedEvent,
        _ charge: Charge,
        _ currency: Currency
    ) -> String {
        var table = Table(
            .left("CLASS"),
            .right("QUANTITY"),
            .right("PRICE PER MILLION"),
            .right("AMOUNT"),
            .left("BASIS")
        )
        for line in charge.lines {
            table.rows.append([
                name(line.item), String(line.quantity),
                Pico(line.price.units * 1_000_000).description,
                line.amount.decimal(fractionDigitsMin: currency.exponent), line.basis.rawValue,
            ])
        }
        return """
            \(usage.model) by \(usage.upstream) (\(usage.upstreamModel)), \(usage.outcome.rawValue)
            tokens: \(usage.source.rawValue); tier: \(usage.serviceTier.rawValue); \
            price version \(usage.priceVersion)

            \(table.text)

            charge \(currency.text(usage.charge)) of a hold of \(currency.text(usage.hold)), \
            excess \(currency.text(recorded.excess))
            on the balance: \(currency.text(recorded.amount)), version \(recorded.version)
            """
    }

    private static func node(
        _ usage: Usage,
        _ recorded: RecordedEvent,
        _ charge: Charge,
        _ currency: Currency
    ) -> JSONNode {
        let terms = charge.lines.map { line in
            JSONNode.object([
                ("class", .text(name(line.item))), ("tokens", .integer(line.quantity)),
                ("price", .text(line.price.description)), ("amount", .money(line.amount, currency)),
            ])
        }
        return .object([
            ("request_id", .text("req_\(usage.request.hexadecimal)")),
            ("model", .text(usage.model)), ("upstream", .text(usage.upstream)),
            ("usage_source", .text(usage.source.rawValue)),
            ("price_version", .integer(usage.priceVersion.number)), ("terms", .array(terms)),
            ("charge", .money(usage.charge, currency)), ("hold", .money(usage.hold, currency)),
            ("excess", .money(recorded.excess, currency)),
        ])
    }

    private static func name(_ item: Charge.Line.Item) -> String {
        switch item {
        case .tokens(let tokenClass): tokenClass.rawValue
        case .fee(let kind): "\(kind.rawValue) fee"
        }
    }
}
