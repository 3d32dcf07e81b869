import Postgres
import Schema

/// A message on its way to one endpoint, and the attempts to bring it there.
package struct WebhookDelivery: Hashable, Sendable {
    package enum State: String, CaseIterable, Sendable {
        case pending
        case delivered
        case givenUp = "given_up"
    }

    /// One that has ended; one that was cut off has left nothing.
    package struct Attempt: Hashable, Sendable {
        /// Counted from 1.
        package let number: Int32
        package let at: Instant
        /// Nil when no answer came.
        package let status: Int32?
        /// Why it failed; nil for a success.
        package let failure: String?
        package let milliseconds: Int64
    }

    package let message: AlertID
    package let kind: String
    package let endpoint: WebhookEndpointID
    package let state: State
    /// How many attempts were begun.
    package let attemptCount: Int32
    /// When the next attempt is due; nil when there will be none.
    package let dueAt: Instant?
    /// The newest first, as many as were asked for.
    package fileprivate(set) var attempts: [Attempt]

    fileprivate init(_ row: Row) throws(PostgresError) {
        message = try row.get("message_id")
        kind = try row.get("kind")
        endpoint = try row.get("endpoint_id")
        state = try row.get("state")
        attemptCount = try row.get("attempts")
        dueAt = state == .pending ? try row.get("due_at", as: Instant.self) : nil
        attempts = []
    }
}

extension WebhookDelivery {
    /// The deliveries that a condition names, the newest message first.
    ///
    /// - Parameters:
    ///   - condition: on `webhook_deliveries`.
    ///   - attemptsMax: how many attempts of each are read.
    static func read(
        where condition: SQL,
        limit: Int,
        attemptsMax: Int,
        _ session: Session
    ) throws -> [WebhookDelivery] {
        let rows = try session.execute(
            """
            WITH chosen AS (
                SELECT * FROM webhook_deliveries WHERE \(condition)
                ORDER BY message_id DESC, endpoint_id LIMIT \(Int64(limit))
            )
            SELECT chosen.*, kind, last.*
            FROM chosen JOIN webhook_messages USING (account_id, message_id)
                LEFT JOIN LATERAL (
                    SELECT attempt, at, status, failure, milliseconds FROM webhook_attempts AS made
                    WHERE made.account_id = chosen.account_id
                        AND made.message_id = chosen.message_id
                        AND made.endpoint_id = chosen.endpoint_id
                    ORDER BY attempt DESC LIMIT \(Int64(attemptsMax))
                ) AS last ON true
            ORDER BY message_id DESC, endpoint_id, attempt DESC
            """
        )
        var deliveries: [WebhookDelivery] = []
        for row in rows {
            let delivery = try WebhookDelivery(row)
            if deliveries.last?.message != delivery.message
                || deliveries.last?.endpoint != delivery.endpoint
            {
                deliveries.append(delivery)
            }
            if let attempt = try Attempt(row) {
                deliveries[deliveries.count - 1].attempts.append(attempt)
            }
        }
        return deliveries
    }
}

extension WebhookDelivery.Attempt {
    fileprivate init?(_ row: Row) throws(PostgresError) {
        guard let number = try row.get("attempt", as: Int32?.self) else { return nil }
        self.number = number
        at = try row.get("at")
        status = try row.get("status")
        failure = try row.get("failure")
        milliseconds = try row.get("milliseconds")
    }
}

extension WebhookDelivery.State: PostgresRepresentable {}
