import Billing
import Ledger
import Schema

/// What an account used and paid, broken down as one likes, and as a file.
enum UsagePages {
    static let routes: [PageRoute] = [
        .get("accounts/{account}/usage", "usage", page),
        .get("accounts/{account}/usage.csv", "usage", csv),
    ]

    /// What a page shows of a long report.
    private static let rowsMax = 400

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
        table.rows = usage.rows.prefix(rowsMax).map { row in
            row.group.map { "\($0)" } + cells(row.sums, currency)
        }
        let rest: HTML? =
            usage.rows.count > rowsMax
            ? "<p class=\"quiet\">And \(usage.rows.count - rowsMax) more: the file has them all.</p>"
            : nil
        let total = figures([
            ("Cost, \(currency.code)", money(usage.total.cost, currency)),
            ("Calls", "\(usage.total.calls)"), ("Failed", "\(usage.total.failures)"),
            ("Of prompts, from a cache", percent(usage.total.cacheHitPercent)),
            ("Half of them within", milliseconds(usage.total.latencies.percentile(50))),
            ("95 of 100 within", milliseconds(usage.total.latencies.percentile(95))),
        ])
        let form = try await filter(call)
        return .page(
            title: "Usage of \(account.name)",
            """
            \(form)\(total)\(table.html)\(rest)
            <p><a href="/accounts/\(account.slug)/usage.csv?\(query(call))">As CSV</a> ·
            <a href="/accounts/\(account.slug)">The account</a></p>
            """
        )
    }

    private static func cells(_ sums: UsageSums, _ currency: Currency) -> [HTML] {
        [
            money(sums.cost, currency), "\(sums.calls)", "\(sums.failures)",
            "\(sums.inputTokens)", "\(sums.cacheReadTokens)", percent(sums.cacheHitPercent),
            "\(sums.outputTokens)",
        ]
    }

    private static func percent(_ value: Int64?) -> HTML { value.map { "\($0) %" } ?? "–" }

    private static func milliseconds(_ value: Int64?) -> HTML {
        value.map { "\($0) ms" } ?? "–"
    }

    private static func csv(_ call: PageCall) async throws -> PageAnswer {
        let (account, usage) = try await report(call)
        var csv = CSVText(
            names: usage.dimensions.map(\.rawValue) + [
                "calls", "failures", "input_tokens", "cache_read_tokens", "cache_write_tokens",
                "output_tokens", "cost",
            ]
        )
        for row in usage.rows {
            let sums = row.sums
            let counts = [
                sums.calls, sums.failures, sums.inputTokens, sums.cacheReadTokens,
                sums.cacheWriteTokens, sums.outputTokens,
            ]
            csv.append(
                row.group + counts.map { String($0) }
                    + [sums.cost.decimal(fractionDigitsMin: account.currency.exponent)]
            )
        }
        return .file(
            name: "usage-\(account.slug).csv",
            type: "text/csv; charset=utf-8",
            Array(csv.text.utf8)
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
            by: try dimensions(call),
            of: try chosen(call),
            timeLimit: ReportOperations.timeLimit
        )
        return (account, usage)
    }

    /// Empty fields ask for all.
    private static func chosen(_ call: PageCall) throws -> UsageFilter {
        func chosen(_ name: String) -> String? {
            call.query[name].flatMap { $0.isEmpty ? nil : $0 }
        }
        var filter = UsageFilter(
            project: chosen("project"),
            model: chosen("model"),
            upstream: chosen("upstream")
        )
        if let text = chosen("key") {
            filter.key = KeyID(text)
            guard filter.key != nil else { throw Problem(422, "there is no such key") }
        }
        return filter
    }

    /// One or two, each once.
    private static func dimensions(_ call: PageCall) throws -> [UsageDimension] {
        let names = [call.query["by"] ?? "day", call.query["then"] ?? ""].filter { !$0.isEmpty }
        let dimensions = try names.map { name in
            guard let dimension = UsageDimension(rawValue: name) else {
                throw Problem(422, "usage cannot be broken down by that")
            }
            return dimension
        }
        guard Set(dimensions).count == dimensions.count else {
            throw Problem(422, "usage is broken down by each thing once")
        }
        return dimensions
    }

    private static func filter(_ call: PageCall) async throws -> HTML {
        let choices = UsageDimension.allCases.map { ($0.rawValue, title($0)) }
        let projects = try await call.services.projects.list(call.account).map { project in
            (project.slug, project.slug)
        }
        let keys = try await call.services.keys.list(call.account).map { key in
            (key.id.description, "\(key.prefix)…" + (key.name.isEmpty ? "" : " \(key.name)"))
        }
        func asked(_ name: String) -> String { call.query[name] ?? "" }
        return """
            <form method="get" action="/accounts/\(call.account)/usage">
            \(HTMLForm.text("from", "From", type: "date", value: asked("from")))
            \(HTMLForm.text("to", "Before", type: "date", value: asked("to")))
            \(HTMLForm.choice("by", "By", choices, selected: call.query["by"] ?? "day"))
            \(HTMLForm.choice("then", "And by", [("", "–")] + choices, selected: asked("then")))
            \(HTMLForm.choice("project", "Project", all + projects, selected: asked("project")))
            \(HTMLForm.choice("key", "Key", all + keys, selected: asked("key")))
            \(HTMLForm.text("model", "Model", value: asked("model"), hint: "all"))
            \(HTMLForm.text("upstream", "Upstream", value: asked("upstream"), hint: "all"))
            <button>Show</button></form>
            """
    }

    private static let all = [("", "all")]
    private static let questions = [
        "from", "to", "by", "then", "project", "key", "model", "upstream",
    ]

    /// The same question again, for a link.
    private static func query(_ call: PageCall) -> String {
        questions.compactMap { name in
            call.query[name].map { "\(name)=\(PercentCoding.encode($0))" }
        }.joined(separator: "&")
    }

    private static func title(_ dimension: UsageDimension) -> String {
        dimension.rawValue.prefix(1).uppercased() + dimension.rawValue.dropFirst()
    }
}
