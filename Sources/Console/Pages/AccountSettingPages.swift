import Billing
import Ledger
import Schema

/// What an account may and pays by: its credit limit, its plan, and whether its calls are admitted.
enum AccountSettingPages {
    static let routes: [PageRoute] = [
        .post("accounts/{account}/suspend", "account suspend", .operate) { call in
            _ = try await call.services.accounts.suspend(call.account)
            return back(call)
        },
        .post("accounts/{account}/resume", "account resume", .operate) { call in
            _ = try await call.services.accounts.resume(call.account)
            return back(call)
        },
        .post("accounts/{account}/limit", "account limit", .moveMoney) { call in
            _ = try await call.services.credits.setLimit(
                call.account,
                to: try call.amount("limit"),
                at: call.services.now(),
                idempotencyKey: call.field("once")
            )
            return back(call)
        },
        .post("accounts/{account}/plan", "account plan", .operate) { call in
            _ = try await call.services.accounts.setPlan(call.field("plan"), of: call.account)
            return back(call)
        },
    ]

    private static func back(_ call: PageCall) -> PageAnswer {
        .redirect("/accounts/\(call.account)")
    }

    /// The part of the account's page, as far as the reader may change any of it.
    static func part(of account: AccountSummary, _ call: PageCall) async throws -> HTML {
        var forms = HTML.empty
        if call.may(.moveMoney) { forms = forms + limitForm(account, call) }
        if call.may(.operate) {
            forms = forms + planForm(account, try await call.services.plans.list(), call)
            forms = forms + statusForm(account, call)
        }
        return forms == .empty ? .empty : "<h2>Settings</h2>\(forms)"
    }

    private static func limitForm(_ account: AccountSummary, _ call: PageCall) -> HTML {
        let currency = account.currency
        let once = EventID.make(at: call.services.now()).description
        return HTMLForm(
            action: "/accounts/\(account.slug)/limit",
            csrf: call.csrf,
            button: "Set limit",
            fields: [
                "<input type=\"hidden\" name=\"once\" value=\"\(once)\">",
                HTMLForm.text(
                    "limit",
                    "Credit limit, \(currency.code)",
                    value: account.creditLimit.decimal(fractionDigitsMin: currency.exponent),
                    isRequired: true
                ),
            ]
        ).html
    }

    private static func planForm(
        _ account: AccountSummary,
        _ plans: [PlanBook.Summary],
        _ call: PageCall
    ) -> HTML {
        let names = plans.filter { $0.revisions.first?.currency == account.currency }.map(\.name)
        guard !names.isEmpty else { return .empty }
        return HTMLForm(
            action: "/accounts/\(account.slug)/plan",
            csrf: call.csrf,
            button: "Pay by it",
            fields: [
                HTMLForm.choice(
                    "plan",
                    "Plan",
                    [("", "the price list")] + names.map { ($0, $0) },
                    selected: account.plan ?? ""
                )
            ]
        ).html
    }

    private static func statusForm(_ account: AccountSummary, _ call: PageCall) -> HTML {
        let isActive = account.status == .active
        return HTMLForm(
            action: "/accounts/\(account.slug)/\(isActive ? "suspend" : "resume")",
            csrf: call.csrf,
            button: isActive ? "Suspend" : "Resume",
            isDanger: isActive,
            isInline: true
        ).html
    }
}
