import Digest
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
    /// Finds the caller by the secret that the request carries, where it may come from.
    ///
    /// The secret is hashed before it is looked up, so that nothing depends on the timing of its
    /// bytes. Of two headers, `x-api-key` wins on Anthropic's routes, `authorization` elsewhere.
    ///
    /// - Throws: 401 without a valid key, 403 when the account is suspended or the key is not for
    ///   this address.
    static func authenticate(
        _ request: HTTPRequest,
        format: APIFormat,
        services: GatewayServices
    ) throws(APIError) -> Caller {
        let directory = services.snapshots.directory
        let presented = presented(by: request, format)
        if case .nothing = presented {
            throw APIError(
                .invalidKey,
                "No API key was sent. Send one as \"Authorization: Bearer sk-fb-…\" or x-api-key."
            )
        }
        guard case .secret(let hash) = presented, let key = directory.key(hash),
            key.expiresAt.map({ services.now() < $0 }) ?? true,
            let account = directory.accounts[key.account]
        else {
            throw APIError(.invalidKey, "This API key is unknown, expired or revoked.")
        }
        guard !account.isSuspended else {
            throw APIError(.permissionDenied, "The account of this API key is suspended.")
        }
        if let addresses = key.addresses {
            let trusted = services.configuration.trustedProxies
            let address = ClientAddress.of(request, trusting: trusted)
            guard let address, addresses.contains(where: { $0.contains(address) }) else {
                throw APIError(
                    .permissionDenied,
                    "This API key may not be used from this address."
                )
            }
        }
        return Caller(key: key, account: account)
    }

    /// Whether the key may use the model.
    func mayUse(_ model: String) -> Bool {
        guard let models = key.models else { return true }
        return models.contains { ModelPattern($0)?.matches(model) ?? false }
    }

    /// What a request has to show for itself.
    private enum Presented {
        case nothing
        /// Not even the form of one of our secrets.
        case malformed
        case secret(SHA256Digest)

        init(_ text: UnsafeBufferPointer<UInt8>?) {
            guard let text, !text.isEmpty else {
                self = .nothing
                return
            }
            self = APIKeySecret.hash(ofPresented: text).map { .secret($0) } ?? .malformed
        }
    }

    private static func presented(by request: HTTPRequest, _ format: APIFormat) -> Presented {
        let fields = request.fields
        let apiKey = { fields.withValue(of: "x-api-key") { Presented($0) } ?? .nothing }
        let bearer = {
            fields.withValue(of: "authorization") { Presented(bearerToken($0)) } ?? .nothing
        }
        let (first, second) = format == .anthropic ? (apiKey, bearer) : (bearer, apiKey)
        let presented = first()
        if case .nothing = presented { return second() }
        return presented
    }

    /// RFC 6750 §2.1: the scheme's name in any case, then the token.
    private static func bearerToken(
        _ value: UnsafeBufferPointer<UInt8>
    ) -> UnsafeBufferPointer<UInt8>? {
        let scheme: StaticString = "bearer "
        guard value.count > scheme.utf8CodeUnitCount else { return nil }
        for index in 0..<scheme.utf8CodeUnitCount
        where value[index] | 0x20 != scheme.utf8Start[index] { return nil }
        let space = UInt8(ascii: " ")
        let token = value[scheme.utf8CodeUnitCount...].drop { $0 == space }
        return UnsafeBufferPointer(rebasing: token)
    }
}
