import Billing
import Ledger
import Schema

/// What there is at a glance: all accounts, and who did what.
enum OverviewPages {
    private static let accountsMax = 200

    static let routes: [PageRoute] = [
        .get("", "overview", overview),
        .get("accounts", "accounts", accounts),
        .post("accounts", "account create", .operate, create),
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
        let glance = await glance(at: accounts, call)
        return .page(title: "Overview", glance + table.html)
    }

    /// Calls of all accounts, and what they are like on this instance.
    private static func glance(at accounts: [SpendOverview], _ call: PageCall) async -> HTML {
        let here = call.services.here
        let (running, glance) = (await here.calls(nil, 0), here.glance())
        func milliseconds(_ bound: Int64?) -> HTML { bound.map { "≤ \($0) ms" } ?? "–" }
        return figures([
            ("Calls this month", "\(accounts.reduce(0) { $0 + $1.calls })"),
            ("Failed", "\(accounts.reduce(0) { $0 + $1.failures })"),
            ("Live calls here", "<a href=\"/calls\">\(running.count)</a>"),
            ("Live streams here", "\(glance.openStreams)"),
            ("First byte here, half", milliseconds(glance.firstByteOfHalf)),
            ("First byte here, 95 of 100", milliseconds(glance.firstByteOfMost)),
        ])
    }

    static func runway(_ account: SpendOverview) -> String {
        account.runwayDays.map { $0 > 999 ? "years" : "\($0) d" } ?? "–"
    }

    private static func accounts(_ call: PageCall) async throws -> PageAnswer {
        let search = call.query["search"].flatMap { $0.isEmpty ? nil : $0 }
        let found = try await call.services.accounts.list(
            matching: search,
            after: call.query["after"],
            limit: accountsMax + 1
        )
        let accounts = found.prefix(accountsMax)
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
        table.nothing = search == nil ? "There is no account yet." : "No account is called that."
        table.rows = accounts.map { account in
            [
                link(account.slug), "\(account.name)", money(account.balance, account.currency),
                money(account.held, account.currency),
                money(account.available, account.currency), "\(account.currency.code)",
                "\(account.timeZone)", "\(account.status.rawValue)",
            ]
        }
        var content = searchForm(search ?? "") + table.html
        if found.count > accountsMax, let last = accounts.last {
            let again = search.map { "&search=\(PercentCoding.encode($0))" } ?? ""
            content =
                content + "<p><a href=\"/accounts?after=\("\(last.slug)" + again)\">More</a></p>"
        }
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

    private static func searchForm(_ text: String) -> HTML {
        """
        <form method="get" action="/accounts" role="search">
        \(HTMLForm.text("search", "Search", type: "search", value: text))
        <button>Search</button></form>
        """
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
