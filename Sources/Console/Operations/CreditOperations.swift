import Ledger
import Schema
import Shapes

/// Credit: grants, their end, and corrections.
enum CreditOperations {
    static let routes: [Route] = [
        .get("accounts/{account}/credits", "credit list") { call in
            let list = try await call.services.credits.list(call.account)
            let currency = list.account.currency
            return APIAnswer(
                .object([
                    ("account", .text(list.account.slug)),
                    ("version", .integer(list.account.version)),
                    ("balance", .money(list.account.balance, currency)),
                    ("unpaid", .money(list.unpaid, currency)),
                    ("grants", .array(list.grants.map { .grant($0, currency) })),
                ])
            )
        },
        .post(
            "accounts/{account}/credits",
            "credit grant",
            .moveMoney,
            isIdempotent: true,
            grant
        ),
        .post(
            "accounts/{account}/credits/{grant}/void",
            "credit void",
            .moveMoney,
            isIdempotent: true,
            hasBody: false,
            void
        ),
        .post(
            "accounts/{account}/adjustments",
            "credit adjust",
            .moveMoney,
            isIdempotent: true,
            adjust
        ),
    ]

    private static func grant(_ call: APICall) async throws -> APIAnswer {
        let body = call.body
        try body.allow(
            only: "amount",
            "kind",
            "priority",
            "starts_at",
            "expires_at",
            "reference"
        )
        guard let amount = try body.amount("amount") else {
            throw Problem(400, "amount is missing")
        }
        var grant = Credits.Grant(account: call.account, amount: amount)
        grant.kind = try body.choice("kind", of: CreditGranted.Kind.self) ?? grant.kind
        grant.startsAt = try body.instant("starts_at")
        grant.expiresAt = try body.instant("expires_at")
        grant.reference = try body.text("reference")
        if let priority = try body.integer("priority", in: -1_000...1_000) {
            grant.priority = Int32(priority)
        }
        let granted = try await call.services.credits.grant(
            grant,
            at: call.now,
            idempotencyKey: call.idempotencyKey
        )
        let account = try await call.services.accounts.show(call.account)
        return APIAnswer(status: 201, .grant(granted, account.currency))
    }

    private static func void(_ call: APICall) async throws -> APIAnswer {
        let id: GrantID = try call.identifier("grant")
        let list = try await call.services.credits.list(call.account)
        guard list.grants.contains(where: { $0.id == id }) else {
            throw Problem(404, "no such grant")
        }
        let grant = try await call.services.credits.void(
            id,
            at: call.now,
            idempotencyKey: call.idempotencyKey
        )
        return APIAnswer(.grant(grant, list.account.currency))
    }

    private static func adjust(_ call: APICall) async throws -> APIAnswer {
        let body = call.body
        try body.allow(only: "amount", "reason", "force")
        guard let amount = try body.amount("amount") else {
            throw Problem(400, "amount is missing")
        }
        var adjustment = Credits.Adjustment(
            account: call.account,
            amount: amount,
            reason: try body.requiredText("reason")
        )
        adjustment.isForced = try body.flag("force")
        let account = try await call.services.credits.adjust(
            adjustment,
            at: call.now,
            idempotencyKey: call.idempotencyKey
        )
        return APIAnswer(.account(account))
    }
}
