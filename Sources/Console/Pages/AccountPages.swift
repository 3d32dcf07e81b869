import Ledger
import Schema

/// One account: its figures, keys and credit.
enum AccountPages {
    static let routes: [PageRoute] = [
        .get("accounts/{account}", "account", account),
        .post("accounts/{account}/keys", "key create", .operate, createKey),
        .post("accounts/{account}/keys/{key}/rotate", "key rotate", .operate, rotateKey),
        .post("accounts/{account}/keys/{key}/revoke", "key revoke", .operate, revokeKey),
        .post("accounts/{account}/credits", "credit grant", .moveMoney, grant),
        .post("accounts/{account}/credits/{grant}/void", "credit void", .moveMoney, void),
    ]

    private static func account(_ call: PageCall) async throws -> PageAnswer {
        let account = try await call.services.accounts.show(call.account)
        let spend = try await call.services.overview(call.account)
        let keys = try await call.services.keys.list(call.account)
        let credit = try await call.services.credits.list(call.account)
        let settings = try await AccountSettingPages.part(of: account, call)
        return .page(
            title: account.name,
            """
            \(facts(account, spend.first))
            <p><a href="/accounts/\(account.slug)/usage">Usage</a> ·
            <a href="/accounts/\(account.slug)/invoices">Invoices</a> ·
            <a href="/accounts/\(account.slug)/calls">Live calls</a> ·
            <a href="/accounts/\(account.slug)/alerts">Alerts</a>\(topUps(call))</p>
            \(CallPages.form(account.slug))
            <h2>Keys</h2>\(table(keys, call).html)\(call.may(.operate) ? keyForm(call) : nil)
            <h2>Credit</h2>\(table(credit, call).html)
            \(call.may(.moveMoney) ? grantForm(call) : nil)
            \(settings)
            """
        )
    }

    private static func topUps(_ call: PageCall) -> HTML? {
        guard call.services.topUpDesk != nil else { return nil }
        return " · <a href=\"/accounts/\(call.account)/top-ups\">Buy credit</a>"
    }

    private static func facts(_ account: AccountSummary, _ spend: SpendOverview?) -> HTML {
        let currency = account.currency
        var facts: [(String, HTML)] = [
            ("Balance, \(currency.code)", money(account.balance, currency)),
            ("Set aside for calls", money(account.held, currency)),
        ]
        if let spend {
            facts += [
                ("Today", money(spend.today, currency)),
                ("This month", money(spend.month, currency)),
                ("Last month", money(spend.lastMonth, currency)),
                ("The balance lasts", "\(OverviewPages.runway(spend))"),
            ]
        }
        let warning: HTML? =
            account.status == .suspended
            ? "<p class=\"notice bad\">Suspended: no call is admitted.</p>" : nil
        let prices = account.plan.map { "the plan \($0)" } ?? "the list"
        return """
            \(warning)\(figures(facts))
            <p class="quiet">Days and months in \(account.timeZone); credit limit
            \(money(account.creditLimit, currency)) \(currency.code); prices of \
            \(prices); version \(account.version).</p>
            """
    }

    // MARK: Keys

    private static func table(_ keys: [KeySummary], _ call: PageCall) -> HTMLTable {
        var table = HTMLTable(
            "API keys, the oldest first",
            .text("Secret"),
            .text("Name"),
            .text("Project"),
            .text("Models"),
            .text("Expires"),
            .text("Status")
        )
        table.nothing = "No key yet."
        table.rows = keys.map { key in
            [
                "<code>\(key.prefix)…</code>", "\(key.name)", "\(key.projectSlug)",
                "\(key.models?.joined(separator: ", ") ?? "all")", time(key.expiresAt),
                state(key, call),
            ]
        }
        return table
    }

    private static func state(_ key: KeySummary, _ call: PageCall) -> HTML {
        if let revokedAt = key.revokedAt { return "revoked \(time(revokedAt))" }
        guard call.may(.operate) else { return "active" }
        let path = "/accounts/\(call.account)/keys/\(key.id.description)"
        return HTMLForm(
            action: "\(path)/rotate",
            csrf: call.csrf,
            button: "Rotate",
            isInline: true
        ).html
            + HTMLForm(
                action: "\(path)/revoke",
                csrf: call.csrf,
                button: "Revoke",
                isDanger: true
            ).html
    }

    private static func keyForm(_ call: PageCall) -> HTML {
        HTMLForm(
            action: "/accounts/\(call.account)/keys",
            csrf: call.csrf,
            button: "Make key",
            fields: [
                HTMLForm.text("name", "Name"),
                HTMLForm.text("project", "Project", value: Accounts.defaultProject),
                HTMLForm.text("expires", "Expires", type: "date"),
            ]
        ).html
    }

    private static func createKey(_ call: PageCall) async throws -> PageAnswer {
        var creation = APIKeys.Creation(account: call.account)
        creation.name = call.field("name") ?? ""
        creation.project = call.field("project") ?? creation.project
        creation.expiresAt = try call.instant(call.form["expires"], named: "the end")
        let (key, secret) = try await call.services.keys.create(creation, at: call.services.now())
        return secretPage("A new key", key, secret, call)
    }

    /// Whoever has the old secret has a day to take the new one.
    private static let rotationOverlap = Duration.seconds(86_400)

    private static func rotateKey(_ call: PageCall) async throws -> PageAnswer {
        let id = try await ownKey(call)
        let (key, secret) = try await call.services.keys.rotate(id, overlap: rotationOverlap)
        return secretPage("Another secret", key, secret, call)
    }

    private static func secretPage(
        _ title: String,
        _ key: KeySummary,
        _ secret: APIKeySecret,
        _ call: PageCall
    ) -> PageAnswer {
        let end: HTML? = key.retiredSecretsExpireAt.map {
            "<p>The secret before it works until \(time($0)).</p>"
        }
        return .page(
            title: title,
            """
            \(shownOnce(secret.text))
            <p>It is the key \(key.id.description) of the project \(key.projectSlug).</p>\(end)
            <p><a href="/accounts/\(call.account)">Back to the account</a></p>
            """
        )
    }

    private static func revokeKey(_ call: PageCall) async throws -> PageAnswer {
        let id = try await ownKey(call)
        _ = try await call.services.keys.revoke(id)
        return .redirect("/accounts/\(call.account)")
    }

    private static func ownKey(_ call: PageCall) async throws -> KeyID {
        let id = try keyID(call)
        let key = try await call.services.keys.show(id)
        guard key.accountSlug == call.account else { throw noSuchKey }
        return id
    }

    private static func keyID(_ call: PageCall) throws -> KeyID {
        guard let id = KeyID(call.places["key"] ?? "") else { throw noSuchKey }
        return id
    }

    private static var noSuchKey: Problem { Problem(404, "no such key") }

    // MARK: Credit

    private static func table(_ list: GrantList, _ call: PageCall) -> HTMLTable {
        let currency = list.account.currency
        var table = HTMLTable(
            "Grants in the order in which they burn",
            .text("Kind"),
            .text("Status"),
            .number("Amount \(currency.code)"),
            .number("Left"),
            .text("Expires"),
            .text("Reference"),
            .text("Act")
        )
        table.nothing = "No credit yet."
        table.rows = list.grants.map { grant in
            [
                "\(grant.origin == .grant ? grant.kind.rawValue : grant.origin.rawValue)",
                "\(grant.status.rawValue.replacing("_", with: " "))",
                money(grant.amount, currency), money(grant.remaining, currency),
                time(grant.expiresAt), "\(grant.reference ?? "–")", voidForm(grant, call),
            ]
        }
        return table
    }

    private static func voidForm(_ grant: GrantSummary, _ call: PageCall) -> HTML {
        let isVoidable = grant.status == .live || grant.status == .scheduled
        guard isVoidable, grant.origin == .grant, call.may(.moveMoney) else { return .empty }
        return HTMLForm(
            action: "/accounts/\(call.account)/credits/\(grant.id.description)/void",
            csrf: call.csrf,
            button: "Void",
            isDanger: true
        ).html
    }

    /// The form is good for one grant: sent twice, by a double click, it grants once.
    private static func grantForm(_ call: PageCall) -> HTML {
        let once = GrantID.make(at: call.services.now()).description
        return HTMLForm(
            action: "/accounts/\(call.account)/credits",
            csrf: call.csrf,
            button: "Grant",
            fields: [
                "<input type=\"hidden\" name=\"once\" value=\"\(once)\">",
                HTMLForm.text("amount", "Amount", hint: "25.00", isRequired: true),
                HTMLForm.choice(
                    "kind",
                    "Kind",
                    [("paid", "paid"), ("promotional", "promotional")]
                ),
                HTMLForm.text("expires", "Expires", type: "date"),
                HTMLForm.text("reference", "Reference"),
            ]
        ).html
    }

    private static func grant(_ call: PageCall) async throws -> PageAnswer {
        var grant = Credits.Grant(account: call.account, amount: try call.amount("amount"))
        guard let kind = CreditGranted.Kind(rawValue: call.field("kind") ?? "paid") else {
            throw Problem(422, "the kind is paid or promotional")
        }
        grant.kind = kind
        grant.expiresAt = try call.instant(call.form["expires"], named: "the end")
        grant.reference = call.field("reference")
        _ = try await call.services.credits.grant(
            grant,
            at: call.services.now(),
            idempotencyKey: call.field("once")
        )
        return .redirect("/accounts/\(call.account)")
    }

    private static func void(_ call: PageCall) async throws -> PageAnswer {
        let list = try await call.services.credits.list(call.account)
        guard let id = GrantID(call.places["grant"] ?? ""),
            list.grants.contains(where: { $0.id == id })
        else { throw Problem(404, "no such grant") }
        _ = try await call.services.credits.void(id, at: call.services.now())
        return .redirect("/accounts/\(call.account)")
    }
}
