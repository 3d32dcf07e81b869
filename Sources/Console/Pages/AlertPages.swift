import Ledger
import Schema

/// What an account's owner is told of.
enum AlertPages {
    static let routes: [PageRoute] = [
        .get("accounts/{account}/alerts", "alerts", alerts),
        .post("accounts/{account}/alerts", "alert set", .operate, set),
    ]
    private static let shownMax: Int64 = 50

    private static func alerts(_ call: PageCall) async throws -> PageAnswer {
        let account = try await call.services.accounts.show(call.account)
        let alerts = try await call.services.alerts.alerts(of: account.slug)
        let messages = try await call.services.messages.list(
            account: account.slug,
            limit: shownMax
        )
        let told: HTML =
            call.caller.role == .account
            ? kinds(messages).html : WebhookMessagePages.table(messages).html
        return .page(
            title: "Alerts of \(account.name)",
            """
            \(figures([
                ("Available, \(account.currency.code)", money(account.available, account.currency)),
                ("Low below", alerts.lowBalance.map { money($0, account.currency) } ?? "no alert"),
                ("Lasting less than, days", number(alerts.runwayDays)),
                ("A day above, % of usual", number(alerts.anomalyPercent)),
                ("A key unused for, days", number(alerts.unusedDays)),
            ]))
            \(call.may(.operate) ? form(alerts, account.currency, call) : nil)
            <h2>Told so far</h2>\(told)
            <p><a href="/accounts/\(account.slug)">The account</a></p>
            """
        )
    }

    /// Where messages went is the operator's own business.
    private static func kinds(_ messages: [WebhookMessage]) -> HTMLTable {
        var table = HTMLTable("Alerts, the newest first", .text("When"), .text("Kind"))
        table.rows = messages.map { [time($0.createdAt), "\($0.kind)"] }
        return table
    }

    private static func number(_ value: Int64?) -> HTML { value.map { "\($0)" } ?? "no alert" }

    private static func form(
        _ alerts: AccountAlerts,
        _ currency: Currency,
        _ call: PageCall
    ) -> HTML {
        let lowBalance = alerts.lowBalance?.decimal(fractionDigitsMin: currency.exponent)
        let fields: [(name: String, label: String, value: String?)] = [
            ("low_balance", "Less left than, \(currency.code)", lowBalance),
            ("runway_days", "Lasting less than, days", alerts.runwayDays.map { String($0) }),
            (
                "anomaly_percent", "A day above, % of usual",
                alerts.anomalyPercent.map { String($0) }
            ),
            ("unused_days", "A key unused for, days", alerts.unusedDays.map { String($0) }),
        ]
        let inputs = fields.map { field -> HTML in
            let value = field.value ?? ""
            let input = HTMLForm.text(field.name, field.label, value: value, hint: "no alert")
            return "<input type=\"hidden\" name=\"seen_\(field.name)\" value=\"\(value)\">\(input)"
        }
        return HTMLForm(
            action: "/accounts/\(call.account)/alerts",
            csrf: call.csrf,
            button: "Set",
            fields: inputs
        ).html
    }

    private static func set(_ call: PageCall) async throws -> PageAnswer {
        let (seen, wanted) = (try alerts("seen_", call), try alerts("", call))
        var changes = AccountAlertChanges()
        changes.lowBalance = .some(wanted.lowBalance)
        changes.runwayDays = .some(wanted.runwayDays)
        changes.anomalyPercent = .some(wanted.anomalyPercent)
        changes.unusedDays = .some(wanted.unusedDays)
        do throws(LedgerError) {
            try await call.services.alerts.change(
                changes,
                of: call.account,
                at: call.services.now(),
                ifUnchanged: seen
            )
        } catch {
            guard error.code == .superseded else { throw error }
            throw Problem(412, "somebody else has changed it meanwhile: look again, and decide")
        }
        return .redirect("/accounts/\(call.account)/alerts")
    }

    /// What the fields of the form say; an empty one says no alert.
    private static func alerts(_ prefix: String, _ call: PageCall) throws -> AccountAlerts {
        func number(_ name: String) throws -> Int64? {
            guard let text = call.field(prefix + name) else { return nil }
            guard let number = Int64(text) else {
                throw Problem(422, "\(words(name)) must be a whole number")
            }
            return number
        }
        var alerts = AccountAlerts()
        if call.field(prefix + "low_balance") != nil {
            alerts.lowBalance = try call.amount(prefix + "low_balance")
        }
        alerts.runwayDays = try number("runway_days")
        alerts.anomalyPercent = try number("anomaly_percent")
        alerts.unusedDays = try number("unused_days")
        return alerts
    }
}
