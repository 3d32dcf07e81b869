import Ledger
import Schema
import Shapes

/// Who may use the console.
enum TokenOperations {
    static let routes: [Route] = [
        Route(
            method: .get,
            pattern: "tokens",
            access: .operate,
            name: "token list",
            query: ["cursor", "limit"]
        ) { call in
            try call.page(
                try await call.services.tokens.list(),
                by: .identifier,
                name: \.id.description
            ) { token in JSONNode.token(token) }
        },
        .post("tokens", "token create", .operate, create),
        .post("tokens/{token}/revoke", "token revoke", .operate, hasBody: false) { call in
            APIAnswer(.token(try await call.services.tokens.revoke(try call.identifier("token"))))
        },
    ]

    private static func create(_ call: APICall) async throws -> APIAnswer {
        let body = call.body
        try body.allow(only: "role", "account", "name", "expires_at")
        guard let role = try body.choice("role", of: AdminRole.self) else {
            throw Problem(400, "role is missing")
        }
        var creation = AdminTokens.Creation(role: role)
        creation.account = try body.text("account")
        creation.name = try body.text("name") ?? ""
        creation.expiresAt = try body.instant("expires_at")
        let (token, secret) = try await call.services.tokens.create(creation, at: call.now)
        return APIAnswer(status: 201, .token(token, secret: secret.text))
    }
}
