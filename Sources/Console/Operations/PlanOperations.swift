import Billing
import Ledger
import Schema
import Shapes

/// Plans: what accounts pay instead of the list prices.
enum PlanOperations {
    static let routes: [Route] = [
        .get("plans", "plan list", query: ["cursor", "limit"]) { call in
            try call.page(
                try await call.services.plans.list(),
                by: .slug,
                name: \.name,
                node
            )
        },
        .post("plans", "plan create", .operate, create),
        .get("plans/{plan}", "plan show") { call in answer(try await plan(call)) },
        .patch("plans/{plan}", "plan set", set),
        .post("accounts/{account}/plan", "account plan", .operate) { call in
            try call.body.allow(only: "plan")
            guard call.body.has("plan") else { throw Problem(400, "plan is missing") }
            let plan = try call.body.text("plan")
            return APIAnswer(
                .account(try await call.services.accounts.setPlan(plan, of: call.account))
            )
        },
    ]

    /// The revisions in force and to come, the newest last.
    private static func node(_ plan: PlanBook.Summary) -> JSONNode {
        .object([
            ("name", .text(plan.name)),
            ("revisions", .array(plan.revisions.map { .plan($0, of: plan) })),
        ])
    }

    private static func plan(_ call: APICall) async throws -> PlanBook.Summary {
        let name = call.places["plan"] ?? ""
        guard let plan = try await call.services.plans.list().first(where: { $0.name == name })
        else { throw PriceBookError.noPlan(name) }
        return plan
    }

    private static func answer(_ plan: PlanBook.Summary) -> APIAnswer {
        APIAnswer(node(plan), tag: EntityTag.of(node(plan)))
    }

    private static func create(_ call: APICall) async throws -> APIAnswer {
        let body = call.body
        try body.allow(only: "name", "currency", "model", "adjust")
        guard let currency = Currency(try body.text("currency") ?? "USD") else {
            throw Problem(400, "currency must be three upper-case letters")
        }
        let adjustment = try adjustment(body)
        if body.has("model"), adjustment == nil { throw Problem(422, "model needs adjust") }
        let revision = try await call.services.plans.create(
            try body.requiredText("name"),
            currency: currency,
            adjustments: PlanAdjustments.none.setting(try pattern(body), to: adjustment)
        )
        return APIAnswer(status: 201, .plan(revision))
    }

    private static func set(_ call: APICall) async throws -> APIAnswer {
        let body = call.body
        try body.allow(only: "model", "adjust", "effective_at", "force", "dry_run")
        guard body.has("adjust") else { throw Problem(400, "adjust is missing") }
        let (pattern, adjustment) = (try pattern(body), try adjustment(body))
        let effective = try body.instant("effective_at")
        let (isForced, isDry) = (try body.flag("force"), try body.flag("dry_run"))
        let before = try await plan(call)
        try call.requireMatch(EntityTag.of(node(before)))
        let book = call.services.plans
        let change =
            isDry
            ? try await book.preview(before.name, pattern, to: adjustment, effectiveAt: effective)
            : try await book.set(
                before.name,
                pattern,
                to: adjustment,
                effectiveAt: effective,
                isForced: isForced,
                ifRevision: call.ifMatch == nil ? nil : before.revisions.last?.number
            )
        return APIAnswer(.planChange(change))
    }

    private static func pattern(_ body: APIBody) throws -> ModelPattern {
        guard let pattern = ModelPattern(try body.text("model", countMax: 300) ?? "*") else {
            throw Problem(400, "model may have a * only at its end")
        }
        return pattern
    }

    private static func adjustment(_ body: APIBody) throws -> BasisPoints? {
        guard let text = try body.text("adjust") else { return nil }
        guard let basisPoints = BasisPoints(percentage: text) else {
            throw Problem(
                400,
                "adjust must be from \"-99%\" to \"+900%\" with at most two decimals"
            )
        }
        return basisPoints
    }
}
