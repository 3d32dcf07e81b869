import Postgres
import Schema

/// Makes, lists, pauses and deletes the endpoints of webhooks, and has messages sent again.
package struct WebhookEndpoints: Sendable {
    /// For how long two secrets may be good at a time.
    package static let overlapSecondsMax: Int64 = 366 * 86_400

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

    /// One endpoint.
    ///
    /// - Throws: `.notFound`, also for one that is deleted.
    package func show(_ id: WebhookEndpointID) async throws(LedgerError) -> WebhookEndpoint {
        try await database.ledgerRead { session in
            let endpoint = try WebhookEndpoint.read(id, session)
            guard endpoint.state != .deleted else { throw LedgerError(.notFound, "it is deleted") }
            return endpoint
        }
    }

    /// Gives an endpoint another secret; messages are signed with the one before too, for a while.
    ///
    /// Only the last secret before is kept, so as long as that is good another rotation needs an
    /// overlap of zero: sent twice by mistake, it would end the secret that the receiver has. The
    /// new one is returned here and nowhere else.
    ///
    /// - Throws: `.notFound`, also for one that is deleted; `.refused` while two secrets are good;
    ///   `.invalid` for an overlap below zero or above a year.
    package func rotate(
        _ id: WebhookEndpointID,
        overlapSeconds: Int64,
        at instant: Instant
    ) async throws(LedgerError) -> (endpoint: WebhookEndpoint, secret: WebhookSecret) {
        guard (0...Self.overlapSecondsMax).contains(overlapSeconds) else {
            throw LedgerError(.invalid, "two secrets are good at a time for a year at most")
        }
        let secret = WebhookSecret.make()
        let end = instant.adding(seconds: overlapSeconds)
        let endpoint = try await database.ledgerCommand { session in
            // What is so already was made by an attempt whose answer was lost.
            let changed = try session.execute(
                """
                UPDATE webhook_secrets SET secret = \(secret.bytes), retired_secret = secret,
                    retired_until = \(end)
                WHERE endpoint_id = \(id) AND secret <> \(secret.bytes)
                    AND (retired_until IS NULL OR retired_until <= \(instant)
                        OR \(overlapSeconds) = 0)
                """
            )
            if changed.affectedCount == 1 {
                _ = try session.execute(
                    """
                    UPDATE webhook_endpoints SET rotated_at = \(instant)
                    WHERE endpoint_id = \(id)
                    """
                )
            }
            let endpoint = try WebhookEndpoint.read(id, session)
            guard endpoint.state != .deleted else { throw LedgerError(.notFound, "it is deleted") }
            let isSigning =
                try session.execute(
                    """
                    SELECT count(*) AS count FROM webhook_secrets
                    WHERE endpoint_id = \(id) AND secret = \(secret.bytes)
                    """
                ).single().get("count", as: Int64.self) == 1
            guard isSigning else {
                throw LedgerError(
                    .refused,
                    "the secret was rotated a moment ago, and the one before is good for a while;"
                        + " rotate without an overlap if one has leaked"
                )
            }
            return endpoint
        }
        return (endpoint, secret)
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
                "SELECT account_id FROM webhook_messages WHERE message_id = \(message)"
            )
            guard let row = known.first else { throw LedgerError(.notFound, "no such message") }
            let account = try row.get("account_id", as: AccountID.self)
            let count = try session.execute(
                """
                UPDATE webhook_deliveries AS delivery
                SET state = 'pending', tries = 0, began_at = \(instant), due_at = \(instant)
                FROM webhook_endpoints AS endpoint
                WHERE delivery.message_id = \(message)
                    AND endpoint.endpoint_id = delivery.endpoint_id AND endpoint.state = 'enabled'
                """
            ).affectedCount
            // Deliveries change by themselves all the time, so that no trigger sees who did this.
            _ = try session.execute(
                """
                SELECT record_act('webhook_messages', \(account), NULL,
                    jsonb_build_object('message_id', \(message)))::text
                """
            )
            return count
        }
    }
}
