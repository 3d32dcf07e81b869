import Billing
import Ledger
import Schema
import Shapes

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
            guard let explained = try await CallExplanation.read(request, in: database) else {
                throw CommandFailure("there is no usage event of \(text)")
            }
            return CommandResult(text: page(explained), json: explained.operatorNode)
        }
    }

    private static func page(_ explained: CallExplanation) -> String {
        let (usage, recorded) = (explained.usage, explained.recorded)
        let currency = explained.currency
        var table = Table(
            .left("CLASS"),
            .right("QUANTITY"),
            .right("PRICE PER MILLION"),
            .right("AMOUNT"),
            .left("BASIS")
        )
        for line in explained.charge.lines {
            table.rows.append([
                line.name, String(line.quantity),
                Pico(line.price.units * 1_000_000).description,
                line.amount.decimal(fractionDigitsMin: currency.exponent), line.basis.rawValue,
            ])
        }
        table.rows.append([
            "sum", "", "",
            explained.charge.total.decimal(fractionDigitsMin: currency.exponent), "exact",
        ])
        var page = """
            \(attempts(usage))\(usage.model) by \(usage.upstream) (\(usage.upstreamModel)), \(usage.outcome.rawValue)
            tokens: \(usage.source.rawValue); tier: \(usage.serviceTier.rawValue), prompts above \
            \(usage.contextTier.threshold); price version \(usage.priceVersion) (\(explained.line))

            \(table.text)

            charge \(currency.text(usage.charge)) of a hold of \(currency.text(usage.hold)), \
            excess \(currency.text(recorded.excess))
            on the balance: \(currency.text(recorded.amount)), version \(recorded.version)
            """
        if explained.isTooLate {
            page += "\nnot charged: it came too long after its month was closed"
        }
        if let cap = usage.loweredCap { page += "\ncredit lowered the output cap to \(cap)" }
        if let cost = usage.upstreamCost {
            page += "\nexpected from the upstream: \(explained.costCurrency.text(cost))"
        }
        return page
    }

    /// A line for each attempt that failed before the call was answered.
    private static func attempts(_ usage: Usage) -> String {
        usage.attempts.map { attempt in
            let status = attempt.status.map { " with \($0)" } ?? ""
            return "tried \(attempt.upstream) (\(attempt.upstreamModel)): \(attempt.end.rawValue)"
                + "\(status) after \(attempt.milliseconds) ms, not charged\n"
        }.joined()
    }
}
