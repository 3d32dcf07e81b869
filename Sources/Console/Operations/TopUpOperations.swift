import Ledger
import Payments
import Schema
import Shapes

/// Credit that an account buys by itself at the payment provider's page.
enum TopUpOperations {
    static let routes: [Route] = [
        .get("accounts/{account}/top-ups", "topup list", query: ["cursor", "limit"]) { call in
            let all = try await call.services.topUps.list(call.account)
            return try call.page(all, by: .identifier, name: \.id.description, JSONNode.topUp)
        },
        .get("accounts/{account}/top-ups/{top_up}", "topup show") { call in
            APIAnswer(.topUp(try await own(call)))
        },
        .post("accounts/{account}/top-ups", "topup start", .buy, isIdempotent: true, start),
    ]

    private static func own(_ call: APICall) async throws -> TopUp {
        let topUp = try await call.services.topUps.show(call.identifier("top_up"))
        guard topUp.slug == call.account else { throw Problem(404, "no top-up \(topUp.id)") }
        return topUp
    }

    private static func start(_ call: APICall) async throws -> APIAnswer {
        try call.body.allow(only: "amount")
        guard let amount = try call.body.amount("amount") else {
            throw Problem(400, "amount is missing")
        }
        // An account that is not there is told before what is not for sale.
        let account = try await call.services.accounts.show(call.account)
        guard let desk = call.services.topUpDesk else {
            throw Problem(422, "no payment provider is configured")
        }
        let topUp = try await desk.start(
            amount,
            for: account.slug,
            idempotencyKey: call.idempotencyKey
        )
        return APIAnswer(status: 201, .topUp(topUp))
    }
}
