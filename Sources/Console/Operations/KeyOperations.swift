import Ledger
import Schema
import Shapes

/// The keys of an account.
enum KeyOperations {
    /// For how long a secret may work beside the one that follows it.
    private static let overlapSecondsMax: Int64 = 366 * 86_400

    static let routes: [Route] = [
        .get("accounts/{account}/keys", "key list", query: ["cursor", "limit"]) { call in
            try call.page(
                try await call.services.keys.list(call.account),
                by: .identifier,
                name: \.id.description
            ) { key in JSONNode.key(key) }
        },
        .post("accounts/{account}/keys", "key create", .operate, create),
        .get("accounts/{account}/keys/{key}", "key show") { call in answer(try await key(call)) },
        .patch("accounts/{account}/keys/{key}", "key cap") { call in
            try call.body.allow(only: "caps")
            let before = try await key(call)
            try call.requireMatch(EntityTag.of(.key(before)))
            return answer(
                try await call.services.keys.limit(
                    before.id,
                    try call.body.requiredCaps(),
                    ifUnchanged: call.ifMatch == nil ? nil : before
                )
            )
        },
        .post(
            "accounts/{account}/keys/{key}/revoke",
            "key revoke",
            .operate,
            hasBody: false
        ) { call in
            answer(try await call.services.keys.revoke(try await key(call).id))
        },
        .post("accounts/{account}/keys/{key}/rotate", "key rotate", .operate) { call in
            try call.body.allow(only: "overlap_seconds")
            let overlap = try call.body.integer("overlap_seconds", in: 0...overlapSecondsMax)
            let (rotated, secret) = try await call.services.keys.rotate(
                try await key(call).id,
                overlap: .seconds(overlap ?? 0)
            )
            return APIAnswer(.key(rotated, secret: secret.text))
        },
    ]

    private static func create(_ call: APICall) async throws -> APIAnswer {
        let body = call.body
        try body.allow(
            only: "project",
            "name",
            "models",
            "expires_at",
            "max_output_tokens",
            "caps"
        )
        var creation = APIKeys.Creation(account: call.account)
        creation.project = try body.text("project") ?? creation.project
        creation.name = try body.text("name") ?? creation.name
        creation.expiresAt = try body.instant("expires_at")
        creation.outputTokensMax = try body.integer(
            "max_output_tokens",
            in: 1...TokenUsage.countMax
        )
        creation.limits = SpendLimits(try body.caps())
        creation.models = try body.texts("models")?.map { text in
            guard let pattern = ModelPattern(text) else {
                throw Problem(400, "models: a * may stand at the end of a name only")
            }
            return pattern.description
        }
        let (key, secret) = try await call.services.keys.create(creation, at: call.now)
        return APIAnswer(status: 201, .key(key, secret: secret.text))
    }

    /// The key that the path names, if it is of the account that the path names.
    private static func key(_ call: APICall) async throws -> KeySummary {
        let key = try await call.services.keys.show(try call.identifier("key"))
        guard key.accountSlug == call.account else { throw Problem(404, "no such key") }
        return key
    }

    private static func answer(_ key: KeySummary) -> APIAnswer {
        APIAnswer(.key(key), tag: EntityTag.of(.key(key)))
    }
}
