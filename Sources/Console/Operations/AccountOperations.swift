import Ledger
import Schema
import Shapes

/// Accounts and their projects.
enum AccountOperations {
    static let routes: [Route] = [
        .get("accounts", "account list", query: ["search", "cursor", "limit"]) { call in
            let limit = try call.limit()
            let found = try await call.services.accounts.list(
                matching: try call.text("search", countMax: 200),
                after: try call.cursor(.slug),
                limit: limit + 1
            )
            let page = Page(found, after: nil, limit: limit, name: \.slug)
            return APIAnswer(page.json(JSONNode.account))
        },
        .post("accounts", "account create", .operate, isIdempotent: true, create),
        .get("accounts/{account}", "account show") { call in
            APIAnswer(.account(try await call.services.accounts.show(call.account)))
        },
        .post("accounts/{account}/suspend", "account suspend", .operate, hasBody: false) { call in
            APIAnswer(.account(try await call.services.accounts.suspend(call.account)))
        },
        .post("accounts/{account}/resume", "account resume", .operate, hasBody: false) { call in
            APIAnswer(.account(try await call.services.accounts.resume(call.account)))
        },
        .post("accounts/{account}/limit", "account limit", .moveMoney, isIdempotent: true) { call in
            try call.body.allow(only: "credit_limit")
            guard let limit = try call.body.amount("credit_limit") else {
                throw Problem(400, "credit_limit is missing")
            }
            return APIAnswer(
                .account(
                    try await call.services.credits.setLimit(
                        call.account,
                        to: limit,
                        at: call.now,
                        idempotencyKey: call.idempotencyKey
                    )
                )
            )
        },
        .get("accounts/{account}/projects", "project list", query: ["cursor", "limit"]) { call in
            try call.page(
                try await call.services.projects.list(call.account),
                by: .slug,
                name: \.slug,
                JSONNode.project
            )
        },
        .post("accounts/{account}/projects", "project create", .operate, createProject),
        .get("accounts/{account}/projects/{project}", "project show") { call in
            answer(try await project(call))
        },
        .patch("accounts/{account}/projects/{project}", "project cap") { call in
            try call.body.allow(only: "caps")
            let before = try await project(call)
            try call.requireMatch(tag(before))
            return answer(
                try await call.services.projects.limit(
                    before.slug,
                    of: call.account,
                    try call.body.requiredCaps(),
                    ifUnchanged: call.ifMatch == nil ? nil : before
                )
            )
        },
    ]

    private static func create(_ call: APICall) async throws -> APIAnswer {
        let body = call.body
        try body.allow(only: "slug", "name", "currency", "time_zone", "credit_limit")
        var creation = Accounts.Creation(slug: try body.requiredText("slug"))
        creation.name = try body.text("name")
        creation.timeZone = try body.text("time_zone") ?? creation.timeZone
        creation.creditLimit = try body.amount("credit_limit") ?? creation.creditLimit
        if let code = try body.text("currency") {
            guard let currency = Currency(code) else {
                throw Problem(400, "currency must be three upper-case letters")
            }
            creation.currency = currency
        }
        let account = try await call.services.accounts.create(
            creation,
            at: call.now,
            idempotencyKey: call.idempotencyKey
        )
        return APIAnswer(status: 201, .account(account))
    }

    private static func createProject(_ call: APICall) async throws -> APIAnswer {
        try call.body.allow(only: "slug", "caps")
        let project = try await call.services.projects.create(
            try call.body.requiredText("slug"),
            in: call.account,
            limits: SpendLimits(try call.body.caps()),
            at: call.now
        )
        return answer(project, status: 201)
    }

    private static func project(_ call: APICall) async throws -> ProjectSummary {
        let all = try await call.services.projects.list(call.account)
        let name = call.places["project"]
        guard let project = all.first(where: { $0.slug == name || $0.id.description == name })
        else {
            throw Problem(404, "no such project")
        }
        return project
    }

    private static func answer(_ project: ProjectSummary, status: Int = 200) -> APIAnswer {
        APIAnswer(status: status, .project(project), tag: tag(project))
    }

    private static func tag(_ project: ProjectSummary) -> String {
        EntityTag.of(.project(project))
    }
}

extension SpendLimits {
    /// The caps of what is being made.
    init(_ changes: SpendLimitChanges) {
        self.init()
        for (period, limit) in changes.limits { self[period] = limit }
    }
}
