import Billing
import Ledger
import Schema

/// Plans: what accounts pay instead of the list prices.
enum PlanPages {
    static let routes: [PageRoute] = [
        .get("plans/{plan}", "plan", one),
        .post("plans", "plan create", .operate, create),
        .post("plans/{plan}", "plan set", .operate, set),
    ]

    static func table(_ plans: [PlanBook.Summary]) -> HTMLTable {
        var table = HTMLTable(
            "Plans by name",
            .text("Plan"),
            .text("Currency"),
            .text("Adjustments"),
            .number("Price version"),
            .number("Accounts")
        )
        table.nothing = "Everybody pays the list prices."
        table.rows = plans.compactMap { plan in
            guard let revision = plan.revisions.first else { return nil }
            let adjustments = revision.adjustments.entries.map { entry in
                "\(entry.pattern) \(entry.basisPoints)"
            }
            return [
                "<a href=\"/plans/\(plan.name)\">\(plan.name)</a>", "\(revision.currency.code)",
                "\(adjustments.isEmpty ? "none" : adjustments.joined(separator: ", "))",
                plan.version.map { version in
                    "<a href=\"/prices/\(version.description)\">\(version.description)</a>"
                } ?? "–",
                "\(plan.accountCount)",
            ]
        }
        return table
    }

    static func form(_ call: PageCall) -> HTML {
        HTMLForm(
            action: "/plans",
            csrf: call.csrf,
            button: "Make plan",
            fields: [
                HTMLForm.text("name", "Name", hint: "gold", isRequired: true),
                HTMLForm.text("currency", "Currency", value: "USD", isRequired: true),
                HTMLForm.text("model", "Models", hint: "all"),
                HTMLForm.text("adjust", "Percent", hint: "-10"),
            ]
        ).html
    }

    private static func create(_ call: PageCall) async throws -> PageAnswer {
        guard let currency = Currency(call.field("currency") ?? "") else {
            throw Problem(422, "the currency must be three upper-case letters")
        }
        let adjustment = try adjustment(call)
        if call.field("model") != nil, adjustment == nil {
            throw Problem(422, "by how many percent do these models differ?")
        }
        let revision = try await call.services.plans.create(
            call.field("name") ?? "",
            currency: currency,
            adjustments: PlanAdjustments.none.setting(try pattern(call), to: adjustment)
        )
        return .redirect("/plans/\(revision.plan)")
    }

    // MARK: One plan

    private static func one(_ call: PageCall) async throws -> PageAnswer {
        let name = call.places["plan"] ?? ""
        guard let plan = try await call.services.plans.list().first(where: { $0.name == name })
        else { throw PriceBookError.noPlan(name) }
        var table = HTMLTable(
            "Adjustments of list prices, in force and to come",
            .text("In force from"),
            .text("Models"),
            .number("Adjustment")
        )
        table.nothing = "It has the list's own prices."
        table.rows = plan.revisions.flatMap { revision in
            revision.adjustments.entries.map { entry in
                [
                    time(revision.effectiveAt), "\(entry.pattern.description)",
                    "\(entry.basisPoints.description)",
                ]
            }
        }
        let currency = plan.revisions.first?.currency.code ?? ""
        return .page(
            title: "The plan \(name)",
            """
            \(figures([
                ("Accounts", "\(plan.accountCount)"),
                ("Price version", "\(plan.version?.description ?? "–")"),
                ("Currency", "\(currency)"),
            ]))
            \(table.html)\(call.may(.operate) ? setForm(plan, call) : nil)
            <p><a href="/models?plan=\(name)&amp;currency=\(currency)">Its prices</a> ·
            <a href="/prices">All plans</a></p>
            """
        )
    }

    private static func setForm(_ plan: PlanBook.Summary, _ call: PageCall) -> HTML {
        let seen = plan.revisions.last.map { String($0.number) } ?? ""
        return "<h2>Change it</h2>"
            + HTMLForm(
                action: "/plans/\(plan.name)",
                csrf: call.csrf,
                button: "Set",
                fields: [
                    "<input type=\"hidden\" name=\"seen\" value=\"\(seen)\">",
                    HTMLForm.text("model", "Models", hint: "all"),
                    HTMLForm.text("adjust", "Percent", hint: "none: take it out"),
                    HTMLForm.text("effective", "In force from", hint: "as soon as it may"),
                    HTMLForm.flag("dry", "Only show what would change"),
                    HTMLForm.flag("force", "Also when prices move a thousandfold"),
                ]
            ).html
    }

    private static func set(_ call: PageCall) async throws -> PageAnswer {
        let name = call.places["plan"] ?? ""
        let (pattern, adjustment) = (try pattern(call), try adjustment(call))
        let effective = try call.instant(call.form["effective"], named: "the start")
        guard call.field("dry") != nil else {
            _ = try await call.services.plans.set(
                name,
                pattern,
                to: adjustment,
                effectiveAt: effective,
                isForced: call.field("force") != nil,
                ifRevision: call.field("seen").flatMap { Int64($0) }
            )
            return .redirect("/plans/\(PercentCoding.encode(name))")
        }
        let change = try await call.services.plans.preview(
            name,
            pattern,
            to: adjustment,
            effectiveAt: effective
        )
        return .page(
            title: "What \(name) would cost",
            """
            <p>From \(time(change.revision.effectiveAt)) on; nothing has changed yet.</p>
            \(PriceDiffParts.html(change.diff))
            <p><a href="/plans/\(PercentCoding.encode(name))">The plan</a></p>
            """
        )
    }

    private static func pattern(_ call: PageCall) throws -> ModelPattern {
        guard let pattern = ModelPattern(call.field("model") ?? "*") else {
            throw Problem(422, "a * may stand at the end of a model's name only")
        }
        return pattern
    }

    private static func adjustment(_ call: PageCall) throws -> BasisPoints? {
        guard let text = call.field("adjust") else { return nil }
        guard let basisPoints = BasisPoints(percentage: text) else {
            throw Problem(
                422,
                "an adjustment is from -99 to +900 percent, with two decimals at most"
            )
        }
        return basisPoints
    }
}
