import Formats
import HTTPServer
import Ledger
import Schema

/// Who calls: a key that is valid now, and its account.
struct Caller: Sendable {
    let key: DirectorySnapshot.Key
    let account: DirectorySnapshot.Account
}

extension Caller {
    /// Finds the caller by the secret that the request carries.
    ///
    /// The secret is hashed before it is looked up, so that nothing depends on the timing of its
    /// bytes. Of two headers, `x-api-key` wins on Anthropic's routes, `authorization` elsewhere.
    ///
    /// - Throws: 401 without a valid key, 403 when the account is suspended.
    static func authenticate(
        _ request: HTTPRequest,
        format: APIFormat,
        directory: DirectorySnapshot,
        now: Instant
    ) throws(APIError) -> Caller {
        guard let secret = secret(of: request, format) else {
            throw APIError(
                .invalidKey,
                "No API key was sent. Send one as \"Authorization: Bearer sk-fb-…\" or x-api-key."
            )
        }
        guard let hash = APIKeySecret.hash(ofPresented: secret), let key = directory.key(hash),
            key.expiresAt.map({ now < $0 }) ?? true,
            let account = directory.accounts[key.account]
        else {
            throw APIError(.invalidKey, "This API key is unknown, expired or revoked.")
        }
        guard !account.isSuspended else {
            throw APIError(.permissionDenied, "The account of this API key is suspended.")
        }
        return Caller(key: key, account: account)
    }

    /// Whether the key may use the model.
    func mayUse(_ model: String) -> Bool {
        guard let models = key.models else { return true }
        return models.contains { ModelPattern($0)?.matches(model) ?? false }
    }

    private static func secret(of request: HTTPRequest, _ format: APIFormat) -> String? {
        let apiKey = request.fields["x-api-key"].flatMap { $0.isEmpty ? nil : $0 }
        let bearer = request.fields["authorization"].flatMap(bearerToken)
        return format == .anthropic ? apiKey ?? bearer : bearer ?? apiKey
    }

    /// RFC 6750 §2.1: the scheme's name in any case, then the token.
    private static func bearerToken(_ value: String) -> String? {
        let parts = value.split(separator: " ", maxSplits: 1)
        guard parts.count == 2, parts[0].lowercased() == "bearer" else { return nil }
        let token = parts[1].trimmingPrefix { $0 == " " }
        return token.isEmpty ? nil : String(token)
    }
}
