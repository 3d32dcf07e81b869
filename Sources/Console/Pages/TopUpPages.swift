import Ledger
import Payments
import Schema

/// Buying credit: the form that leads to the provider's page, and what became of it.
enum TopUpPages {
    static let routes: [PageRoute] = [
        .get("accounts/{account}/top-ups", "topup list", list),
        .get("accounts/{account}/top-ups/{top_up}", "topup show", show),
        .post("accounts/{account}/top-ups", "topup start", .buy, start),
    ]

    private static func list(_ call: PageCall) async throws -> PageAnswer {
        let account = try await call.services.accounts.show(call.account)
        let topUps = try await call.services.topUps.list(call.account, limit: 100)
        var table = HTMLTable(
            "Payments, the newest first",
            .text("Opened"),
            .text("Status"),
            .number("Credit \(account.currency.code)"),
            .number("Tax"),
            .number("Refunded"),
            .number("Disputed"),
            .number("Refund failed"),
            .text("Payment")
        )
        table.nothing = "No payment yet."
        table.rows = topUps.map { topUp in
            [
                "<a href=\"\(path(of: topUp))\">\(time(topUp.openedAt))</a>",
                "\(topUp.status.rawValue)", money(topUp.amount, topUp.currency),
                money(topUp.tax, topUp.currency),
                money(topUp.refunded, topUp.currency), money(topUp.disputed, topUp.currency),
                money(topUp.refundFailed, topUp.currency), "\(topUp.payment ?? "–")",
            ]
        }
        let content: HTML = """
            <p><a href="/accounts/\(account.slug)">\(account.name)</a> has
            \(money(account.balance, account.currency)) \(account.currency.code).</p>
            \(form(call, account))<h2>Payments</h2>\(table.html)
            """
        guard let desk = call.services.topUpDesk else {
            return .page(title: "Buy credit", content)
        }
        return .leading(title: "Buy credit", to: desk.provider.pageOrigin, content)
    }

    /// The form is good for one payment: sent twice, by a double click, it opens one page.
    private static func form(_ call: PageCall, _ account: AccountSummary) -> HTML? {
        guard call.may(.buy), let desk = call.services.topUpDesk else { return nil }
        let currency = account.currency
        guard let bounds = desk.bounds(in: currency) else {
            return "<p class=\"notice\">Credit in \(currency.code) is not for sale here.</p>"
        }
        let once = TopUpID.make(at: call.services.now()).description
        return HTMLForm(
            action: "/accounts/\(call.account)/top-ups",
            csrf: call.csrf,
            button: "Go to the payment",
            fields: [
                "<input type=\"hidden\" name=\"once\" value=\"\(once)\">",
                HTMLForm.text(
                    "amount",
                    "Amount, \(currency.code)",
                    hint: bounds.least.decimal(fractionDigitsMin: currency.exponent),
                    isRequired: true
                ),
            ]
        ).html
            + """
            <p class="quiet">From \(money(bounds.least, currency)) to
            \(money(bounds.most, currency)) \(currency.code), and tax where it is due.</p>
            """
    }

    private static func start(_ call: PageCall) async throws -> PageAnswer {
        guard let desk = call.services.topUpDesk else {
            throw Problem(422, "no payment provider is configured")
        }
        let topUp = try await desk.start(
            call.amount("amount"),
            for: call.account,
            idempotencyKey: call.field("once")
        )
        guard topUp.status == .pending, let page = topUp.page else {
            return .redirect(path(of: topUp))
        }
        return .redirect(page.url)
    }

    private static func show(_ call: PageCall) async throws -> PageAnswer {
        guard let id = TopUpID(call.places["top_up"] ?? "") else { throw noSuchTopUp }
        let topUp = try await call.services.topUps.show(id)
        guard topUp.slug == call.account else { throw noSuchTopUp }
        let currency = topUp.currency
        let facts = [
            ("Credit, \(currency.code)", money(topUp.amount, currency)),
            ("Tax", money(topUp.tax, currency)), ("Refunded", money(topUp.refunded, currency)),
            ("Disputed", money(topUp.disputed, currency)),
        ]
        let content: HTML = """
            \(state(of: topUp))\(refundFailure(of: topUp))\(figures(facts))
            <p><a href="/accounts/\(call.account)">To the account</a> ·
            <a href="/accounts/\(call.account)/top-ups">All payments</a></p>
            """
        return .page(
            title: "Payment of \(currency.text(topUp.total))",
            content,
            // The provider tells of the payment within moments.
            refreshSeconds: topUp.status == .pending && !topUp.isPageMissing ? 5 : nil
        )
    }

    private static func state(of topUp: TopUp) -> HTML {
        switch topUp.status {
        case .credited:
            return """
                <p class="notice" role="status">Paid, and credited \(time(topUp.paidAt)).</p>
                """
        case .expired:
            return "<p class=\"notice bad\" role=\"status\">Nobody paid in time.</p>"
        case .pending where topUp.isPageMissing:
            return """
                <p class="notice bad" role="status">The payment provider had no page for this
                payment, so nothing is to be paid. <a href="/accounts/\(topUp.slug)/top-ups">Start
                again</a></p>
                """
        case .pending:
            let link: HTML? = topUp.page.map { "<a href=\"\($0.url)\">Go to the payment</a>" }
            return """
                <p class="notice" role="status">Waiting for the payment: who has paid waits a few
                seconds here. \(link)</p>
                """
        }
    }

    private static func refundFailure(of topUp: TopUp) -> HTML? {
        guard topUp.refundFailed > .zero else { return nil }
        return """
            <p class="notice bad" role="alert">Refunds of
            \(topUp.currency.text(topUp.refundFailed)) failed at the payment provider: who paid does
            not have that money, and what it had taken of the credit is in the balance again.</p>
            """
    }

    private static func path(of topUp: TopUp) -> String {
        "/accounts/\(topUp.slug)/top-ups/\(topUp.id)"
    }

    private static var noSuchTopUp: Problem { Problem(404, "no such payment") }

    /// Where the provider's page leads back to: `/returned/{account}/{top_up}`.
    ///
    /// Browsers send the session's cookie with no request that another site began. This page,
    /// which shows nothing, begins the next one itself.
    static func returned(_ request: ConsoleRequest) -> ConsoleResponse? {
        guard request.method == ConsoleRequest.Method.get.rawValue, request.path.count == 3,
            request.path[0] == "returned", Slug.isValid(request.path[1]),
            let id = TopUpID(request.path[2])
        else { return nil }
        let path = "/accounts/\(request.path[1])/top-ups/\(id)"
        let layout = Layout(caller: nil, csrf: "", place: "", hasCharts: false)
        return ConsoleResponse(
            status: 200,
            type: "text/html; charset=utf-8",
            layout.page("Welcome back", "<p><a href=\"\(path)\">To the payment</a></p>"),
            fields: SafeFields.all + [(name: "refresh", value: "0; url=\(path)")]
        )
    }
}
