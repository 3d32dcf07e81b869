import Postgres
import Schema

package enum WebhookEndpointEntity {}
package typealias WebhookEndpointID = Identifier<WebhookEndpointEntity>

/// An endpoint without its secret, and how it does.
package struct WebhookEndpoint: Hashable, Sendable {
    package enum State: String, CaseIterable, Sendable {
        case enabled
        case disabled
        case deleted
    }

    package let id: WebhookEndpointID
    /// The slug of the one account that it is told of.
    package let account: String?
    package let url: String
    package let kinds: [String]
    package let isPrivate: Bool
    package let state: State
    package let createdAt: Instant
    /// When its secret replaced another; nil while it is the first.
    package let secretRotatedAt: Instant?
    package let lastSuccessAt: Instant?
    package let lastFailureAt: Instant?
    package let lastFailure: String?
    /// Since when every attempt has failed.
    package let failingSince: Instant?
    package let pending: Int64

    /// The URL as far as the host: what follows may be a secret in itself.
    package var place: String {
        let scheme = url.prefix { $0 != ":" }
        let host = url.dropFirst(scheme.count + 3).prefix { $0 != "/" && $0 != "?" }
        return "\(scheme)://\(host)/…"
    }

    static let query: SQL = """
        SELECT endpoint_id, accounts.slug, url, kinds, is_private, state,
            webhook_endpoints.created_at, rotated_at, last_success_at, last_failure_at, last_failure,
            failing_since, (SELECT count(*) FROM webhook_deliveries AS delivery
                WHERE delivery.endpoint_id = webhook_endpoints.endpoint_id
                    AND delivery.state = 'pending') AS pending
        FROM webhook_endpoints JOIN webhook_health USING (endpoint_id)
            LEFT JOIN accounts ON accounts.account_id = sees_account_id
        """

    init(_ row: Row) throws(PostgresError) {
        id = try row.get("endpoint_id")
        account = try row.get("slug")
        url = try row.get("url")
        kinds = try row.get("kinds")
        isPrivate = try row.get("is_private")
        state = try row.get("state")
        createdAt = try row.get("created_at")
        secretRotatedAt = try row.get("rotated_at")
        lastSuccessAt = try row.get("last_success_at")
        lastFailureAt = try row.get("last_failure_at")
        lastFailure = try row.get("last_failure")
        failingSince = try row.get("failing_since")
        pending = try row.get("pending")
    }

    static func read(
        _ id: WebhookEndpointID,
        _ session: Session
    ) throws -> WebhookEndpoint {
        guard let row = try session.execute("\(query) WHERE endpoint_id = \(id)").first else {
            throw LedgerError(.notFound, "no such endpoint")
        }
        return try WebhookEndpoint(row)
    }
}

extension WebhookEndpoint.State: PostgresRepresentable {}
