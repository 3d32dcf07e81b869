import Ledger
import Schema

/// What an account used and paid, broken down as one likes, and as a file.
enum UsagePages {
    static let routes: [PageRoute] = [
        .get("accounts/{account}/usage", "usage", page),
        .get("accounts/{account}/usage.csv", "usage", csv),
    ]

    private static func page(_ call: PageCall) async throws -> PageAnswer {
        let (account, usage) = try await report(call)
        let currency = account.currency
        let columns: [HTMLTable.Column] =
            usage.dimensions.map { .text(title($0)) }
            + [
                .number("Cost \(currency.code)"), .number("Calls"), .number("Failed"),
                .number("Input"), .number("Cache reads"), .number("From cache"),
                .number("Output"),
            ]
        var table = HTMLTable("Usage of \(account.slug)", columns: columns)
        table.chart = (0, usage.dimensions.count)
        table.nothing = "Nothing was used in this time."
        table.rows = usage.rows.map { row in
            row.group.map { "\($0)" } + cells(row.sums, currency)
        }
        let total = figures([
            ("Cost, \(currency.code)", money(usage.total.cost, currency)),
            ("Calls", "\(usage.total.calls)"), ("Failed", "\(usage.total.failures)"),
            ("Half of them within", milliseconds(usage.total.latencies.percentile(50))),
            ("95 of 100 within", milliseconds(usage.total.latencies.percentile(95))),
        ])
        return .page(
            title: "Usage of \(account.name)",
            """
            \(filter(call))\(total)\(table.html)
            <p><a href="/accounts/\(account.slug)/usage.csv?\(query(call))">As CSV</a> ·
            <a href="/accounts/\(account.slug)">The account</a></p>
            """
        )
    }

    private static func cells(_ sums: UsageSums, _ currency: Currency) -> [HTML] {
        let read = sums.cacheReadTokens
        let prompt = sums.inputTokens + read + sums.cacheWriteTokens
        return [
            money(sums.cost, currency), "\(sums.calls)", "\(sums.failures)",
            "\(sums.inputTokens)", "\(read)", "\(prompt > 0 ? read * 100 / prompt : 0) %",
            "\(sums.outputTokens)",
        ]
    }

    private static func milliseconds(_ value: Int64?) -> HTML {
        value.map { "\($0) ms" } ?? "–"
    }

    private static func csv(_ call: PageCall) async throws -> PageAnswer {
        let (account, usage) = try await report(call)
        let head =
            usage.dimensions.map(\.rawValue)
            + [
                "calls", "failures", "input_tokens", "cache_read_tokens", "cache_write_tokens",
                "output_tokens", "cost",
            ]
        let rows = usage.rows.map { row in
            let sums = row.sums
            let counts = [
                sums.calls, sums.failures, sums.inputTokens, sums.cacheReadTokens,
                sums.cacheWriteTokens, sums.outputTokens,
            ]
            return row.group + counts.map { String($0) }
                + [sums.cost.decimal(fractionDigitsMin: account.currency.exponent)]
        }
        let lines = ([head] + rows).map { CSV.line($0) }
        return .file(
            name: "usage-\(account.slug).csv",
            type: "text/csv; charset=utf-8",
            Array(lines.joined().utf8)
        )
    }

    // MARK: What is asked for

    private static func report(
        _ call: PageCall
    ) async throws -> (AccountSummary, AccountUsage) {
        let account = try await call.services.accounts.show(call.account)
        let usage = try await call.services.events.usageReport(
            account.id,
            from: try call.instant(call.query["from"], named: "from"),
            to: try call.instant(call.query["to"], named: "to"),
            by: [try dimension(call)],
            timeLimit: ReportOperations.timeLimit
        )
        return (account, usage)
    }

    private static func dimension(_ call: PageCall) throws -> UsageDimension {
        guard let dimension = UsageDimension(rawValue: call.query["by"] ?? "day") else {
            throw Problem(422, "usage cannot be broken down by that")
        }
        return dimension
    }

    private static func filter(_ call: PageCall) -> HTML {
        let choices = UsageDimension.allCases.map { ($0.rawValue, title($0)) }
        return """
            <form method="get" action="/accounts/\(call.account)/usage">
            \(HTMLForm.text("from", "From", type: "date", value: call.query["from"] ?? ""))
            \(HTMLForm.text("to", "Before", type: "date", value: call.query["to"] ?? ""))
            \(HTMLForm.choice("by", "By", choices, selected: call.query["by"] ?? "day"))
            <button>Show</button></form>
            """
    }

    /// The same question again, for a link.
    private static func query(_ call: PageCall) -> String {
        ["from", "to", "by"].compactMap { name in
            call.query[name].map { "\(name)=\(PercentCoding.encode($0))" }
        }.joined(separator: "&")
    }

    private static func title(_ dimension: UsageDimension) -> String {
        dimension.rawValue.prefix(1).uppercased() + dimension.rawValue.dropFirst()
    }
}

/// Comma-separated values (RFC 4180) that no spreadsheet takes for formulas.
enum CSV {
    static func line(_ cells: [String]) -> String {
        cells.map(cell).joined(separator: ",") + "\r\n"
    }

    private static func cell(_ text: String) -> String {
        // A name may begin with what a spreadsheet runs; an apostrophe makes it text again.
        let isFormula = text.first.map { "=+-@\t\r".contains($0) } ?? false
        let isNumber = Int64(text) != nil || text.allSatisfy { $0.isNumber || "-.".contains($0) }
        let safe = isFormula && !isNumber ? "'\(text)" : text
        guard safe.contains(where: { $0 == "," || $0 == "\"" || $0.isNewline }) else { return safe }
        return "\"\(safe.replacing("\"", with: "\"\""))\""
    }
}
