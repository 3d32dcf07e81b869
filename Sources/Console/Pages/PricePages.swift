import Billing
import Ledger
import Schema

/// Price versions: all of them, what one changes, and what models cost.
enum PricePages {
    static let routes: [PageRoute] = [
        .get("prices", "prices", all),
        .get("prices/{version}", "price version", one),
        .get("prices/{version}/preview", "price preview", preview),
        .get("models", "model prices", models),
    ]
    private static let rowsMax = 200

    // MARK: All versions

    private static func all(_ call: PageCall) async throws -> PageAnswer {
        let headers = try await call.services.prices.list()
        let plans = try await call.services.plans.list()
        let acts: HTML? =
            call.may(.operate)
            ? """
            <h2>Import a price file</h2>\(PriceImportPages.form(call))
            <h2>New plan</h2>\(PlanPages.form(call))
            """ : nil
        return .page(
            title: "Prices",
            """
            \(modelForm(model: "", currency: "USD", plan: ""))
            \(table(headers).html)
            <h2>Plans</h2>\(PlanPages.table(plans).html)\(acts)
            """
        )
    }

    private static func table(_ headers: [PriceVersionHeader]) -> HTMLTable {
        var table = HTMLTable(
            "Price versions, the newest first",
            .number("Version"),
            .text("Source"),
            .text("Plan"),
            .text("Currency"),
            .text("In force from"),
            .text("Published")
        )
        table.nothing = "No prices are published."
        table.rows = headers.suffix(rowsMax).reversed().map { header in
            [
                link(header.version), "\(header.source.rawValue)", "\(header.line.plan ?? "–")",
                "\(header.currency.code)", time(header.effectiveAt), time(header.publishedAt),
            ]
        }
        return table
    }

    private static func link(_ version: PriceVersion) -> HTML {
        "<a href=\"/prices/\(version.description)\">\(version.description)</a>"
    }

    // MARK: One version

    private static func one(_ call: PageCall) async throws -> PageAnswer {
        let version = try version(call.places["version"])
        let (header, sheet) = try await call.services.prices.sheet(version)
        let others = try await call.services.prices.list()
            .filter { $0.currency == header.currency && $0.version != version }
        let predecessor = try await call.services.prices.predecessor(of: header)?.version
        let from =
            call.query["from"].map { $0.isEmpty } == false
            ? try self.version(call.query["from"]) : predecessor
        var changes: HTML = "<p class=\"quiet\">It is the first of its kind.</p>"
        if let from {
            let diff = try await call.services.prices.compare(from, version).diff
            changes = PriceDiffParts.html(diff)
        }
        let choices = others.reversed().map { other in
            (other.version.description, "version \(other.version), \(other.line)")
        }
        return .page(
            title: "Price version \(version)",
            """
            \(figures([
                ("Source", "\(header.line.description)"), ("Models", "\(sheet.models.count)"),
                ("In force from", time(header.effectiveAt)),
                ("Published", time(header.publishedAt)),
            ]))
            <h2>What it changes</h2>
            <form method="get" action="/prices/\(version.description)">
            \(HTMLForm.choice("from", "Against", choices, selected: from?.description ?? ""))
            <button>Compare</button></form>\(changes)
            <h2>What a month would have cost</h2>\(previewForm(version, lastMonth(call)))
            <p><a href="/prices">All versions</a></p>
            """
        )
    }

    static func version(_ text: String?) throws -> PriceVersion {
        guard let number = Int64(text ?? ""), number > 0 else {
            throw Problem(404, "there is no such price version")
        }
        return PriceVersion(number)
    }

    // MARK: A month rated anew

    private static func previewForm(_ version: PriceVersion, _ month: Month) -> HTML {
        """
        <form method="get" action="/prices/\(version.description)/preview">
        \(HTMLForm.text("month", "Month", type: "month", value: month.description))
        <button>Rate anew</button></form>
        """
    }

    private static func lastMonth(_ call: PageCall) -> Month {
        let days = call.services.now().microseconds / 86_400_000_000
        return Month(CalendarDate(daysSince1970: days)).previous
    }

    private static func preview(_ call: PageCall) async throws -> PageAnswer {
        let version = try version(call.places["version"])
        let month = try call.query["month"].map { text in
            guard let month = Month(text) else {
                throw Problem(422, "a month is written such as 2026-11")
            }
            return month
        }
        let preview = try await call.services.prices.preview(
            version,
            month: month ?? lastMonth(call)
        )
        let currency = preview.version.currency
        var table = HTMLTable(
            "The calls of \(preview.month) by the prices of version \(version)",
            .text("Account"),
            .text("Model"),
            .number("Calls"),
            .number("Before \(currency.code)"),
            .number("After"),
            .number("Difference")
        )
        table.nothing = "There was no call in \(preview.month)."
        table.rows = preview.rows.prefix(rowsMax).map { row in
            [
                "\(row.account)", "\(row.model)", "\(row.calls)", money(row.before, currency),
                row.after.map { money($0, currency) } ?? "no price",
                row.difference.map { money($0, currency) } ?? "–",
            ]
        }
        let total = preview.total
        return .page(
            title: "\(preview.month) by version \(version)",
            """
            \(previewForm(version, preview.month))
            \(figures([
                ("Before, \(currency.code)", money(total.before, currency)),
                ("After", money(total.after, currency)),
                ("Difference", money(total.difference, currency)),
            ]))
            \(table.html)\(more(preview.rows.count))
            <p><a href="/prices/\(version.description)">The version</a></p>
            """
        )
    }

    /// Says what a table does not show.
    static func more(_ count: Int) -> HTML? {
        count > rowsMax ? "<p class=\"quiet\">And \(count - rowsMax) more.</p>" : nil
    }

    // MARK: What models cost

    private static func models(_ call: PageCall) async throws -> PageAnswer {
        let text = call.query["model"] ?? ""
        guard let pattern = ModelPattern(text.isEmpty ? "*" : text) else {
            throw Problem(422, "a * may stand at the end of a model's name only")
        }
        let code = call.query["currency"] ?? "USD"
        guard let currency = Currency(code) else {
            throw Problem(422, "the currency must be three upper-case letters")
        }
        let plan = call.query["plan"].flatMap { $0.isEmpty ? nil : $0 }
        let now = call.services.now()
        let prices = try await call.services.prices.load(at: now)
            .listed(pattern, currency: currency, plan: plan, at: now)
        var table = HTMLTable(
            "Prices in force now, tokens by the million",
            .text("Model"),
            .text("Price"),
            .number(currency.code),
            .number("Version")
        )
        table.nothing = "Nothing has a price by that name."
        table.rows = prices.prefix(rowsMax).map { price in
            [
                "\(price.model)", "\(price.item)", "\(price.price.description)",
                link(price.version),
            ]
        }
        return .page(
            title: "What models cost",
            """
            \(modelForm(model: text, currency: code, plan: plan ?? ""))
            \(table.html)\(more(prices.count))
            <p><a href="/prices">All versions</a></p>
            """
        )
    }

    private static func modelForm(model: String, currency: String, plan: String) -> HTML {
        """
        <form method="get" action="/models">
        \(HTMLForm.text("model", "Model", value: model, hint: "claude-*"))
        \(HTMLForm.text("currency", "Currency", value: currency, isRequired: true))
        \(HTMLForm.text("plan", "Plan", value: plan, hint: "the list"))
        <button>Show prices</button></form>
        """
    }
}
