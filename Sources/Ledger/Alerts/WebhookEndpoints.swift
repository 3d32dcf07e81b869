import Postgres
import Schema

package enum WebhookEndpointEntity {}
package typealias WebhookEndpointID = Identifier<WebhookEndpointEntity>

/// Makes, lists, pauses and deletes the endpoints of webhooks, and has messages sent again.
package struct WebhookEndpoints: Sendable {
    private let database: Database

    package init(_ database: Database) {
        self.database = database
    }

    /// What an endpoint is made of.
    package struct Creation: Hashable, Sendable {
        package var url: String
        /// The slug of the one account that it is told of; nil for all.
        package var account: String?
        /// Empty for all kinds.
        package var kinds: [AlertKind] = []
        /// Whether it may be at a private address and without TLS; an operator's word.
        package var isPrivate = false

        package init(url: String) {
            self.url = url
        }
    }

    /// Makes an endpoint.
    ///
    /// Its secret is returned here and nowhere else.
    ///
    /// - Throws: `.invalid` for a URL that webhooks do not go to; `.notFound`.
    package func create(
        _ creation: Creation,
        at instant: Instant
    ) async throws(LedgerError) -> (endpoint: WebhookEndpoint, secret: WebhookSecret) {
        let url = try WebhookURL(creation.url, isPrivate: creation.isPrivate)
        let secret = WebhookSecret.make()
        let id = WebhookEndpointID.make(at: instant)
        let endpoint = try await database.ledgerCommand { session in
            let account = try creation.account.map { slug in
                try AccountSummary.read(slug: slug, session).id
            }
            // A conflict is this very endpoint, of an attempt whose answer was lost.
            _ = try session.execute(
                """
                INSERT INTO webhook_endpoints
                    (endpoint_id, sees_account_id, url, kinds, is_private, created_at)
                VALUES (\(id), \(account), \(url.description),
                    \(creation.kinds.map(\.rawValue)), \(creation.isPrivate), \(instant))
                ON CONFLICT (endpoint_id) DO NOTHING
                """
            )
            _ = try session.execute(
                """
                INSERT INTO webhook_secrets (endpoint_id, secret)
                VALUES (\(id), \(secret.bytes)) ON CONFLICT (endpoint_id) DO NOTHING
                """
            )
            _ = try session.execute(
                """
                INSERT INTO webhook_health (endpoint_id) VALUES (\(id))
                ON CONFLICT (endpoint_id) DO NOTHING
                """
            )
            return try WebhookEndpoint.read(id, session)
        }
        return (endpoint, secret)
    }

    /// All endpoints but the deleted ones, oldest first.
    package func list() async throws(LedgerError) -> [WebhookEndpoint] {
        try await database.ledgerRead { session in
            try session.execute(
                """
                \(WebhookEndpoint.query) WHERE state <> 'deleted'
                ORDER BY webhook_endpoints.created_at, endpoint_id
                """
            ).map { try WebhookEndpoint($0) }
        }
    }

    /// Pauses an endpoint, lets it go on, or deletes it for good, with its secret.
    ///
    /// - Throws: `.notFound`, also for one that is deleted already.
    package func setState(
        _ state: WebhookEndpoint.State,
        of id: WebhookEndpointID
    ) async throws(LedgerError) -> WebhookEndpoint {
        try await database.ledgerCommand { session in
            _ = try session.execute(
                """
                UPDATE webhook_endpoints SET state = \(state)
                WHERE endpoint_id = \(id) AND state <> 'deleted' AND state <> \(state)
                """
            )
            if state == .deleted {
                _ = try session.execute(
                    "DELETE FROM webhook_secrets WHERE endpoint_id = \(id)"
                )
            }
            let endpoint = try WebhookEndpoint.read(id, session)
            guard endpoint.state == state else { throw LedgerError(.notFound, "it is deleted") }
            return endpoint
        }
    }

    /// Has a message sent again, with the same id and by a schedule that begins now, to every
    /// endpoint that it was for.
    ///
    /// - Returns: to how many endpoints it goes.
    /// - Throws: `.notFound` when there is no such message.
    package func redeliver(
        _ message: AlertID,
        at instant: Instant
    ) async throws(LedgerError) -> Int {
        try await database.ledgerCommand { session in
            let known = try session.execute(
                "SELECT FROM webhook_messages WHERE message_id = \(message)"
            )
            guard !known.isEmpty else { throw LedgerError(.notFound, "no such message") }
            return try session.execute(
                """
                UPDATE webhook_deliveries AS delivery
                SET state = 'pending', tries = 0, began_at = \(instant), due_at = \(instant)
                FROM webhook_endpoints AS endpoint
                WHERE delivery.message_id = \(message)
                    AND endpoint.endpoint_id = delivery.endpoint_id AND endpoint.state = 'enabled'
                """
            ).affectedCount
        }
    }
}

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
    package let lastSuccessAt: Instant?
    package let lastFailureAt: Instant?
    package let lastFailure: String?
    /// Since when every attempt has failed.
    package let failingSince: Instant?
    package let pending: Int64

    fileprivate static let query: SQL = """
        SELECT endpoint_id, accounts.slug, url, kinds, is_private, state,
            webhook_endpoints.created_at, last_success_at, last_failure_at, last_failure,
            failing_since, (SELECT count(*) FROM webhook_deliveries AS delivery
                WHERE delivery.endpoint_id = webhook_endpoints.endpoint_id
                    AND delivery.state = 'pending') AS pending
        FROM webhook_endpoints JOIN webhook_health USING (endpoint_id)
            LEFT JOIN accounts ON accounts.account_id = sees_account_id
        """

    fileprivate init(_ row: Row) throws(PostgresError) {
        id = try row.get("endpoint_id")
        account = try row.get("slug")
        url = try row.get("url")
        kinds = try row.get("kinds")
        isPrivate = try row.get("is_private")
        state = try row.get("state")
        createdAt = try row.get("created_at")
        lastSuccessAt = try row.get("last_success_at")
        lastFailureAt = try row.get("last_failure_at")
        lastFailure = try row.get("last_failure")
        failingSince = try row.get("failing_since")
        pending = try row.get("pending")
    }

    fileprivate static func read(
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
