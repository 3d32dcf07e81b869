import Digest
import HTTPServer
import Ledger
import Schema

/// Finds out who is asking.
package struct Credentials: Sendable {
    private let environmentToken: SHA256Digest?
    private let isLoopback: Bool
    private let tokens: AdminTokens
    private let now: @Sendable () -> Instant

    /// - Parameters:
    ///   - environmentToken: an operator's token that the environment sets.
    ///   - isLoopback: whether only this machine can reach the console.
    package init(
        tokens: AdminTokens,
        environmentToken: String?,
        isLoopback: Bool,
        now: @escaping @Sendable () -> Instant
    ) {
        self.tokens = tokens
        self.environmentToken = environmentToken.map { SHA256.hash($0.utf8) }
        self.isLoopback = isLoopback
        self.now = now
    }

    /// Who presents this field; nil when nobody does who may.
    ///
    /// Without a token set anywhere, whoever can reach a loopback address is an operator, unless
    /// it was led there by a name that anybody could have made.
    func caller(_ fields: HTTPFields) async throws(LedgerError) -> Caller? {
        guard let authorization = fields["authorization"] else {
            guard isLoopback, environmentToken == nil,
                RequestOrigin.isLoopbackName(fields["host"] ?? ""),
                try await !tokens.isAnyGood()
            else { return nil }
            return .loopback
        }
        guard let secret = Self.bearer(authorization) else { return nil }
        return try await caller(tokenHash: SHA256.hash(secret.utf8))
    }

    /// Who has the token of this hash.
    func caller(tokenHash: SHA256Digest) async throws(LedgerError) -> Caller? {
        if tokenHash == environmentToken { return .environment }
        guard let token = try await tokens.find(tokenHash), token.isGood(at: now()) else {
            return nil
        }
        return Caller(token)
    }

    /// The token of `Bearer …` (RFC 6750 §2.1).
    private static func bearer(_ field: String) -> Substring? {
        let parts = field.split(separator: " ", maxSplits: 1)
        guard parts.count == 2, parts[0].lowercased() == "bearer" else { return nil }
        return parts[1].drop { $0 == " " }
    }
}
