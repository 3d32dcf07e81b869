import Billing
import Ledger
import Schema
import Shapes

/// `farebox usage`: what an account used and paid, from the projection and what is newer.
enum UsageCommand {
    static let all = [
        Command(
            words: ["usage"],
            summary: "show what an account used and paid, from its events",
            arguments: ["ACCOUNT"],
            options: [
                .value("--from", "DATE", "settled at or after it"),
                .value("--to", "DATE", "settled before it"),
                .value(
                    "--by",
                    "day,key,model,…",
                    "hour, day, month, project, key, model, upstream"
                ),
                .value("--project", "SLUG", "of one project only"),
                .value("--key", "ID", "of one key only"),
                .value("--model", "NAME", "of one model only"),
                .value("--upstream", "NAME", "of one upstream only"),
                .flag("--csv", "comma-separated values"),
                .database, .json,
            ],
            run: run
        )
    ]

    private static let sumHeadings = [
        "calls", "input_tokens", "cache_read_tokens", "cache_write_tokens", "output_tokens", "cost",
    ]

    private static func run(_ invocation: Invocation) async throws -> CommandResult {
        let dimensions = try (invocation["--by"] ?? "day").split(separator: ",").map { name in
            guard let dimension = UsageDimension(rawValue: String(name)) else {
                let all = UsageDimension.allCases.map(\.rawValue).joined(separator: ", ")
                throw UsageError("--by takes \(all), not \"\(name)\"")
            }
            return dimension
        }
        let (from, to) = (
            try invocation.instant(option: "--from"), try invocation.instant(option: "--to")
        )
        let filter = try filter(invocation)
        return try await CommandDatabase.with(invocation) { database in
            let account = try await Accounts(database).show(invocation.argument(0))
            let usage = try await EventStore(database).usageReport(
                account.id,
                from: from,
                to: to,
                by: dimensions,
                of: filter
            )
            let text =
                invocation.has("--csv")
                ? csv(usage, account.currency) : table(usage, account.currency)
            return CommandResult(text: text, json: usage.node(account.currency))
        }
    }

    private static func filter(_ invocation: Invocation) throws -> UsageFilter {
        var filter = UsageFilter(
            project: invocation["--project"],
            model: invocation["--model"],
            upstream: invocation["--upstream"]
        )
        if let text = invocation["--key"] {
            filter.key = KeyID(text)
            guard filter.key != nil else {
                throw UsageError("--key must be a key's identifier, as farebox key list shows it")
            }
        }
        return filter
    }

    private static func cells(_ sums: UsageSums, _ currency: Currency) -> [String] {
        let counts = [
            sums.calls, sums.inputTokens, sums.cacheReadTokens, sums.cacheWriteTokens,
            sums.outputTokens,
        ].map { String($0) }
        return counts + [sums.cost.decimal(fractionDigitsMin: currency.exponent)]
    }

    private static func table(_ usage: AccountUsage, _ currency: Currency) -> String {
        let groups = usage.dimensions.map { Table.Column.left($0.rawValue.uppercased()) }
        let sums = ["CALLS", "INPUT", "CACHE READ", "CACHE WRITE", "OUTPUT", "COST \(currency)"]
            .map(Table.Column.right)
        var table = Table(columns: groups + sums)
        table.rows = usage.rows.map { $0.group + cells($0.sums, currency) }
        let blanks = Array(repeating: "", count: max(0, groups.count - 1))
        table.rows.append(
            (groups.isEmpty ? [] : ["total"] + blanks) + cells(usage.total, currency)
        )
        return table.text
    }

    private static func csv(_ usage: AccountUsage, _ currency: Currency) -> String {
        var csv = CSVText(names: usage.dimensions.map(\.rawValue) + sumHeadings)
        for row in usage.rows { csv.append(row.group + cells(row.sums, currency)) }
        // What is printed ends its last line by itself.
        return String(decoding: csv.text.utf8.dropLast(), as: UTF8.self)
    }
}
