import Billing
import Schema
import Shapes

/// `farebox margin`: what customers paid beside what upstreams are expected to bill.
enum MarginCommand {
    static let all = [
        Command(
            words: ["margin"],
            summary: "show what was paid beside what upstreams are expected to bill",
            options: [
                .value("--account", "SLUG", "of this account only"),
                .value("--from", "DATE", "settled at or after it, on a quarter of an hour"),
                .value("--to", "DATE", "settled before it, on a quarter of an hour"),
                .value("--by", "account,model,upstream", "some of these; by default all"),
                .database, .json,
            ],
            run: run
        )
    ]

    private static func run(_ invocation: Invocation) async throws -> CommandResult {
        let all = MarginReport.Dimension.allCases
        let dimensions = try invocation["--by"].map { text in
            try text.split(separator: ",").map { name in
                guard let dimension = MarginReport.Dimension(rawValue: String(name)) else {
                    throw UsageError("--by takes account, model, upstream, not \"\(name)\"")
                }
                return dimension
            }
        }
        let (from, to) = (
            try quarter(invocation, "--from"), try quarter(invocation, "--to")
        )
        return try await CommandDatabase.with(invocation) { database in
            let report = try await Margins(database).report(
                from: from,
                to: to,
                account: invocation["--account"],
                by: dimensions ?? all
            )
            return CommandResult(
                text: table(report).text,
                json: .array(
                    report.rows.map { row in
                        node(row, report.dimensions)
                    }
                )
            )
        }
    }

    private static func quarter(_ invocation: Invocation, _ option: String) throws -> Instant? {
        let instant = try invocation.instant(option: option)
        guard instant.map({ $0.microseconds % 900_000_000 == 0 }) ?? true else {
            throw UsageError("\(option) must be on a quarter of an hour")
        }
        return instant
    }

    private static func table(_ report: MarginReport) -> Table {
        var table = Table(
            columns: report.dimensions.map { .left($0.rawValue.uppercased()) } + [
                .right("CALLS"), .right("PAID"), .right("EXCESS"), .right("COST"),
                .right("MARGIN"),
            ]
        )
        table.rows = report.rows.map { row in
            row.group + [
                String(row.calls), row.currency.text(row.paid), row.currency.text(row.excess),
                row.costCurrency?.text(row.cost) ?? "unknown",
                row.margin.map(row.currency.text) ?? "",
            ]
        }
        return table
    }

    private static func node(
        _ row: MarginReport.Row,
        _ dimensions: [MarginReport.Dimension]
    ) -> JSONNode {
        let groups = zip(dimensions, row.group).map { ($0.rawValue, JSONNode.text($1)) }
        return .object(
            groups + [
                ("calls", .integer(row.calls)), ("currency", .text(row.currency.code)),
                ("paid", .money(row.paid, row.currency)),
                ("excess", .money(row.excess, row.currency)),
                ("cost", row.costCurrency.map { .money(row.cost, $0) } ?? .null),
                ("cost_currency", .optional(row.costCurrency?.code)),
                ("margin", row.margin.map { .money($0, row.currency) } ?? .null),
            ]
        )
    }
}
