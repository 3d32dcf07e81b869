import Billing
import Ledger
import Schema

/// What there is at a glance: all accounts, prices, operations, and who did what.
enum OverviewPages {
    static let routes: [PageRoute] = [
        .get("", "overview", overview),
        .get("accounts", "accounts", accounts),
        .post("accounts", "account create", .operate, create),
        .get("prices", "prices", prices),
        .get("operations", "operations", operations),
        .get("audit", "audit trail", audit),
    ]

    private static func overview(_ call: PageCall) async throws -> PageAnswer {
        let accounts = try await call.services.overview(nil)
        var table = HTMLTable(
            "Spend by account, the most this month first",
            .text("Account"),
            .number("Today"),
            .number("This month"),
            .number("Last month"),
            .text("Currency"),
            .number("Calls"),
            .number("Failed"),
            .number("Balance"),
            .number("Lasts")
        )
        table.chart = (0, 2)
        table.nothing = "There is no account yet."
        table.rows = accounts.prefix(100).map { account in
            [
                link(account.account), money(account.today, account.currency),
                money(account.month, account.currency),
                money(account.lastMonth, account.currency), "\(account.currency.code)",
                "\(account.calls)", "\(account.failures)",
                money(account.balance, account.currency), "\(runway(account))",
            ]
        }
        return .page(title: "Overview", table.html)
    }

    static func runway(_ account: SpendOverview) -> String {
        account.runwayDays.map { $0 > 999 ? "years" : "\($0) d" } ?? "–"
    }

    private static func accounts(_ call: PageCall) async throws -> PageAnswer {
        let accounts = try await call.services.accounts.list()
        var table = HTMLTable(
            "Accounts",
            .text("Account"),
            .text("Name"),
            .number("Balance"),
            .number("Held"),
            .number("Available"),
            .text("Currency"),
            .text("Zone"),
            .text("Status")
        )
        table.rows = accounts.prefix(1_000).map { account in
            [
                link(account.slug), "\(account.name)", money(account.balance, account.currency),
                money(account.held, account.currency),
                money(account.available, account.currency), "\(account.currency.code)",
                "\(account.timeZone)", "\(account.status.rawValue)",
            ]
        }
        var content = table.html
        if call.may(.operate) {
            let form = HTMLForm(
                action: "/accounts",
                csrf: call.csrf,
                button: "Make account",
                fields: [
                    HTMLForm.text("slug", "Slug", hint: "team-a", isRequired: true),
                    HTMLForm.text("name", "Name"),
                    HTMLForm.text("currency", "Currency", value: "USD", isRequired: true),
                    HTMLForm.text("time_zone", "Time zone", value: "UTC", isRequired: true),
                ]
            )
            content = content + "<h2>New account</h2>\(form.html)"
        }
        return .page(title: "Accounts", content)
    }

    private static func create(_ call: PageCall) async throws -> PageAnswer {
        var creation = Accounts.Creation(slug: call.field("slug") ?? "")
        creation.name = call.field("name")
        creation.timeZone = call.field("time_zone") ?? creation.timeZone
        guard let currency = Currency(call.field("currency") ?? "") else {
            throw Problem(422, "the currency must be three upper-case letters")
        }
        creation.currency = currency
        let account = try await call.services.accounts.create(creation, at: call.services.now())
        return .redirect("/accounts/\(account.slug)")
    }

    private static func prices(_ call: PageCall) async throws -> PageAnswer {
        var table = HTMLTable(
            "Price versions, the newest first",
            .number("Version"),
            .text("Source"),
            .text("Currency"),
            .text("In force from"),
            .text("Published")
        )
        table.rows = try await call.services.prices.list().reversed().map { header in
            [
                "\(header.version.description)", "\(header.source.rawValue)",
                "\(header.currency.code)", time(header.effectiveAt), time(header.publishedAt),
            ]
        }
        table.nothing = "No prices are published."
        return .page(title: "Prices", table.html)
    }

    private static func operations(_ call: PageCall) async throws -> PageAnswer {
        let status = try await call.services.status()
        var instances = HTMLTable(
            "Instances, the last renewed first",
            .text("Instance"),
            .text("State"),
            .text("Renewed"),
            .number("Leases"),
            .number("Running calls"),
            .number("Set aside")
        )
        instances.rows = try await call.services.instances.list().map { instance in
            let sums = instance.escrowed.map { $0.currency.text($0.amount) }
            return [
                "\(instance.label)", "\(instance.state.rawValue)", time(instance.renewedAt),
                "\(instance.openLeases)", "\(instance.runningCalls)",
                "\(sums.isEmpty ? "0" : sums.joined(separator: ", "))",
            ]
        }
        var projections = HTMLTable(
            "Projections",
            .text("Projection"),
            .number("Events behind"),
            .number("Seconds behind"),
            .number("Stopped accounts")
        )
        projections.rows = try await call.services.projections().map { projection in
            [
                "\(projection.projection)", "\(projection.eventsBehind)",
                "\(projection.secondsBehind)", "\(projection.stopped.count)",
            ]
        }
        let facts = figures([
            ("Events", "\(status.events)"), ("Unsealed", "\(status.unsealedEvents)"),
            ("Open leases", "\(status.openLeases)"), ("Parked events", "\(status.parkedEvents)"),
            ("Live instances", "\(status.liveInstances)"),
            ("Overdrawn accounts", "\(status.overdrawnAccounts)"),
        ])
        return .page(
            title: "Operations",
            "\(facts)<h2>Instances</h2>\(instances.html)<h2>Projections</h2>\(projections.html)"
        )
    }

    private static func audit(_ call: PageCall) async throws -> PageAnswer {
        let cursor = call.query["before"].flatMap { AuditTrail.EntryID($0) }
        let entries = try await call.services.trail.list(before: cursor, limit: 100)
        var table = HTMLTable(
            "What was done by hand, the newest first",
            .text("When"),
            .text("Who"),
            .text("What"),
            .text("Of"),
            .text("Account")
        )
        table.rows = entries.map { entry in
            [
                time(entry.recordedAt), "\(entry.actor)", "\(entry.act)", "\(entry.subject)",
                "\(entry.account ?? "–")",
            ]
        }
        let older: HTML? =
            entries.count == 100
            ? entries.last.map { "<p><a href=\"/audit?before=\($0.id.description)\">Older</a></p>" }
            : nil
        return .page(title: "Audit trail", "\(table.html)\(older)")
    }

    private static func link(_ slug: String) -> HTML { "<a href=\"/accounts/\(slug)\">\(slug)</a>" }
}

// MARK: Parts of pages

/// An amount as people read it: rounded down to the currency's own digits.
func money(_ amount: Pico, _ currency: Currency) -> HTML {
    "\(amount.decimal(fractionDigitsMin: currency.exponent))"
}

func time(_ instant: Instant?) -> HTML {
    guard let instant else { return "–" }
    let text = instant.description
    let shown = "\(text.prefix(10)) \(text.dropFirst(11).prefix(5))"
    return "<time datetime=\"\(text)\">\(shown) UTC</time>"
}

/// A few numbers with their names.
func figures(_ facts: [(String, HTML)]) -> HTML {
    let parts = facts.map { name, value -> HTML in
        "<div><dt>\(name)</dt><dd>\(value)</dd></div>"
    }
    return "<dl class=\"figures\">\(parts)</dl>"
}
