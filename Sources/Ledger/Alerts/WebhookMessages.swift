import Postgres
import Schema

/// What was written into the outbox, sent or not: lists it, and forgets what is old.
package struct WebhookMessages: Sendable {
    private static let pageSize: Int64 = 1_000
    private static let deliveriesMax = 1_000
    /// All of a schedule of three days and of some by hand.
    private static let attemptsMax = 100
    /// How long a message is kept.
    package static let retentionSeconds: Int64 = 30 * 86_400

    private let database: Database

    package init(_ database: Database) {
        self.database = database
    }

    /// How much there is to send, over all processes.
    package struct Backlog: Hashable, Sendable {
        /// Deliveries to endpoints that are enabled.
        package var pending: Int64 = 0
        /// Endpoints that every attempt fails at since a while.
        package var failingEndpoints: Int64 = 0

        package init() {}
    }

    /// The newest messages, of one account or of all, newest first.
    ///
    /// - Parameter cursor: only those before this one; none when there is no such message.
    /// - Throws: `.notFound`.
    package func list(
        account slug: String? = nil,
        before cursor: AlertID? = nil,
        limit: Int64 = 100
    ) async throws(LedgerError) -> [WebhookMessage] {
        let place: SQL =
            cursor.map { cursor in
                """
                (message.created_at, message_id) <
                    (SELECT created_at, message_id FROM webhook_messages
                        WHERE message_id = \(cursor))
                """
            } ?? "true"
        return try await database.ledgerRead { session in
            let account = try slug.map { try AccountSummary.read(slug: $0, session).id }
            return try session.execute(
                """
                \(WebhookMessage.query)
                WHERE message.account_id = coalesce(\(account), message.account_id) AND \(place)
                ORDER BY message.created_at DESC, message_id DESC LIMIT \(limit)
                """
            ).map { try WebhookMessage($0) }
        }
    }

    /// One message, what it says, and what became of it at each endpoint.
    ///
    /// - Throws: `.notFound`.
    package func show(_ id: AlertID) async throws(LedgerError) -> WebhookMessage.Whole {
        try await database.ledgerRead { session in
            let found = try session.execute(
                "\(WebhookMessage.query) WHERE message_id = \(id)"
            )
            guard let row = found.first else { throw LedgerError(.notFound, "no such message") }
            return WebhookMessage.Whole(
                message: try WebhookMessage(row),
                body: try row.get("body"),
                deliveries: try WebhookDelivery.read(
                    where: """
                        (account_id, message_id) IN (SELECT account_id, message_id
                            FROM webhook_messages WHERE message_id = \(id))
                        """,
                    limit: Self.deliveriesMax,
                    attemptsMax: Self.attemptsMax,
                    session
                )
            )
        }
    }

    /// What an endpoint was sent or is to be sent, the newest message first, each with its last
    /// attempt.
    ///
    /// - Parameters:
    ///   - state: only those in this state.
    ///   - cursor: only those of messages before this one.
    package func deliveries(
        to endpoint: WebhookEndpointID,
        in state: WebhookDelivery.State? = nil,
        before cursor: AlertID? = nil,
        limit: Int = 100
    ) async throws(LedgerError) -> [WebhookDelivery] {
        let place: SQL = cursor.map { "message_id < \($0)" } ?? "true"
        return try await database.ledgerRead { session in
            try WebhookDelivery.read(
                where: """
                    endpoint_id = \(endpoint) AND state = coalesce(\(state), state) AND \(place)
                    """,
                limit: limit,
                attemptsMax: 1,
                session
            )
        }
    }

    /// Forgets what is older than `retentionSeconds` and waits for no endpoint that is enabled.
    ///
    /// - Returns: how many messages that were.
    @discardableResult
    package func prune(at now: Instant) async throws(LedgerError) -> Int {
        let end = now.adding(seconds: -Self.retentionSeconds)
        var count = 0
        while true {
            let page = try await database.ledgerCommand { session in
                try session.execute(
                    """
                    DELETE FROM webhook_messages WHERE (account_id, message_id) IN (
                        SELECT account_id, message_id FROM webhook_messages AS message
                        WHERE created_at < \(end) AND NOT EXISTS (
                            SELECT FROM webhook_deliveries AS delivery
                                JOIN webhook_endpoints AS endpoint USING (endpoint_id)
                            WHERE delivery.account_id = message.account_id
                                AND delivery.message_id = message.message_id
                                AND delivery.state = 'pending' AND endpoint.state = 'enabled'
                        )
                        ORDER BY created_at LIMIT \(Self.pageSize) FOR UPDATE SKIP LOCKED
                    )
                    """
                ).affectedCount
            }
            count += page
            if page < Int(Self.pageSize) { return count }
        }
    }

    package func backlog() async throws(LedgerError) -> Backlog {
        try await database.ledgerRead { session in
            let row = try session.execute(
                """
                SELECT (SELECT count(*) FROM webhook_deliveries AS delivery
                        JOIN webhook_endpoints AS endpoint USING (endpoint_id)
                        WHERE delivery.state = 'pending' AND endpoint.state = 'enabled') AS pending,
                    (SELECT count(*) FROM webhook_health JOIN webhook_endpoints USING (endpoint_id)
                        WHERE failing_since IS NOT NULL AND state = 'enabled') AS failing
                """
            ).single()
            var backlog = Backlog()
            backlog.pending = try row.get("pending")
            backlog.failingEndpoints = try row.get("failing")
            return backlog
        }
    }
}

/// A message and how many endpoints have it.
package struct WebhookMessage: Hashable, Sendable {
    package let id: AlertID
    /// The slug of its account; nil where it is of none.
    package let account: String?
    package let kind: String
    package let createdAt: Instant
    package let pending: Int64
    package let delivered: Int64
    package let givenUp: Int64

    /// As receivers know it.
    package var name: String { Self.name(of: id) }

    /// What `webhook-id` says.
    package static func name(of id: AlertID) -> String { "msg_\(id)" }

    /// A message with all there is to know of it.
    package struct Whole: Hashable, Sendable {
        package let message: WebhookMessage
        /// The very bytes that are signed and sent: JSON.
        package let body: String
        package let deliveries: [WebhookDelivery]
    }

    fileprivate static let query: SQL = """
        SELECT message_id, slug, kind, body, message.created_at, sent.*
        FROM webhook_messages AS message LEFT JOIN accounts USING (account_id)
            CROSS JOIN LATERAL (
                SELECT count(*) FILTER (WHERE state = 'pending') AS pending,
                    count(*) FILTER (WHERE state = 'delivered') AS delivered,
                    count(*) FILTER (WHERE state = 'given_up') AS given_up
                FROM webhook_deliveries AS delivery
                WHERE delivery.account_id = message.account_id
                    AND delivery.message_id = message.message_id
            ) AS sent
        """

    /// Reads an identifier as receivers know it, or without what is before the digits.
    package static func identifier(_ text: String) -> AlertID? {
        AlertID(text.hasPrefix("msg_") ? String(text.dropFirst(4)) : text)
    }

    fileprivate init(_ row: Row) throws(PostgresError) {
        id = try row.get("message_id")
        account = try row.get("slug")
        kind = try row.get("kind")
        createdAt = try row.get("created_at")
        pending = try row.get("pending")
        delivered = try row.get("delivered")
        givenUp = try row.get("given_up")
    }
}
