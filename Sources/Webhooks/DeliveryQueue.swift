import Ledger
import Postgres
import Schema

/// A delivery whose attempt this process has begun; another may take it for dead after a while.
struct ClaimedDelivery: Sendable {
    let account: AccountID
    let message: AlertID
    let endpoint: WebhookEndpointID
    /// Counted from 1 over all schedules; what records the end of this attempt and no other.
    let attempt: Int32
    /// Those of the present schedule, this one included.
    let tries: Int32
    let beganAt: Instant
    let url: String
    var isPrivate: Bool
    /// The present one, and while it is good the one before.
    let secrets: [WebhookSecret]
    let body: String
}

/// How an attempt ended.
struct AttemptEnd: Sendable {
    var status: Int32?
    /// Why it failed, in words without URL and body; nil for a success.
    var failure: String?
    /// What the receiver asked to wait, in seconds.
    var wait: Int64?
    var milliseconds: Int64 = 0

    /// The receiver says that the endpoint is no more.
    var isGone: Bool { status == 410 }
}

/// The deliveries as PostgreSQL keeps them, for any number of processes.
struct DeliveryQueue: Sendable {
    /// Longer than any attempt takes.
    static let claimSeconds: Int64 = 120
    private static let endpointsMax: Int64 = 32
    private static let perEndpointMax: Int64 = 4

    private let database: Database

    init(_ database: Database) {
        self.database = database
    }

    /// Begins attempts of what is due, of few deliveries an endpoint, so that a dead one with many
    /// keeps nobody else waiting.
    func claim(
        at now: Instant,
        limit: Int,
        without busy: [WebhookEndpointID]
    ) async throws -> [ClaimedDelivery] {
        try await database.transaction(.readCommitted) { session in
            try session.execute(
                """
                WITH due AS (
                    SELECT endpoint_id, min(due_at) AS due_at FROM webhook_deliveries
                        JOIN webhook_endpoints USING (endpoint_id)
                    WHERE webhook_deliveries.state = 'pending' AND due_at <= \(now)
                        AND webhook_endpoints.state = 'enabled' AND endpoint_id <> ALL(\(busy))
                    GROUP BY endpoint_id ORDER BY 2 LIMIT \(Self.endpointsMax)
                ), picked AS MATERIALIZED (
                    SELECT found.* FROM due CROSS JOIN LATERAL (
                        SELECT account_id, message_id, endpoint_id FROM webhook_deliveries
                        WHERE endpoint_id = due.endpoint_id AND state = 'pending'
                            AND due_at <= \(now)
                        ORDER BY due_at LIMIT \(Self.perEndpointMax)
                        FOR UPDATE SKIP LOCKED
                    ) AS found
                    LIMIT \(Int64(limit))
                )
                UPDATE webhook_deliveries AS delivery
                SET attempts = attempts + 1, tries = tries + 1,
                    due_at = \(now.adding(seconds: Self.claimSeconds))
                FROM picked JOIN webhook_endpoints USING (endpoint_id)
                    JOIN webhook_secrets USING (endpoint_id)
                    JOIN webhook_messages USING (account_id, message_id)
                WHERE delivery.account_id = picked.account_id
                    AND delivery.message_id = picked.message_id
                    AND delivery.endpoint_id = picked.endpoint_id
                RETURNING delivery.*, url, is_private, secret, body,
                    CASE WHEN retired_until > \(now) THEN retired_secret END AS retired_secret
                """
            ).map { try ClaimedDelivery($0) }
        }
    }

    /// Records how an attempt ended, unless another process has begun the next one meanwhile.
    func record(_ end: AttemptEnd, of delivery: ClaimedDelivery, at now: Instant) async throws {
        let next =
            end.failure == nil || end.isGone
            ? nil
            : DeliverySchedule.next(
                after: Int(delivery.tries),
                beganAt: delivery.beganAt,
                now: now,
                wait: end.wait
            )
        let state = end.failure == nil ? "delivered" : next == nil ? "given_up" : "pending"
        try await database.transaction(.readCommitted) { session in
            let changed = try session.execute(
                """
                UPDATE webhook_deliveries SET state = \(state), due_at = \(next ?? now)
                WHERE account_id = \(delivery.account) AND message_id = \(delivery.message)
                    AND endpoint_id = \(delivery.endpoint) AND attempts = \(delivery.attempt)
                """
            )
            guard changed.affectedCount == 1 else { return }
            _ = try session.execute(
                """
                INSERT INTO webhook_attempts (account_id, message_id, endpoint_id, attempt, at,
                    status, failure, milliseconds)
                VALUES (\(delivery.account), \(delivery.message), \(delivery.endpoint),
                    \(delivery.attempt), \(now), \(end.status), \(end.failure),
                    \(end.milliseconds))
                ON CONFLICT DO NOTHING
                """
            )
            if end.failure == nil {
                try Self.noteSuccess(of: delivery.endpoint, at: now, session)
            } else {
                try Self.noteFailure(end, of: delivery.endpoint, at: now, session)
            }
        }
    }

    /// An endpoint that is back gets at once what waits for it.
    private static func noteSuccess(
        of endpoint: WebhookEndpointID,
        at now: Instant,
        _ session: Session
    ) throws {
        let wasFailing =
            try session.execute(
                """
                SELECT failing_since FROM webhook_health WHERE endpoint_id = \(endpoint) FOR UPDATE
                """
            ).single().get("failing_since", as: Instant?.self) != nil
        _ = try session.execute(
            """
            UPDATE webhook_health SET last_success_at = \(now), failing_since = NULL
            WHERE endpoint_id = \(endpoint)
            """
        )
        guard wasFailing else { return }
        // Not those whose attempt may be running.
        _ = try session.execute(
            """
            UPDATE webhook_deliveries SET due_at = \(now)
            WHERE endpoint_id = \(endpoint) AND state = 'pending' AND due_at > \(now)
                AND EXISTS (SELECT FROM webhook_attempts AS attempt
                    WHERE attempt.account_id = webhook_deliveries.account_id
                        AND attempt.message_id = webhook_deliveries.message_id
                        AND attempt.endpoint_id = webhook_deliveries.endpoint_id
                        AND attempt.attempt = webhook_deliveries.attempts)
            """
        )
    }

    private static func noteFailure(
        _ end: AttemptEnd,
        of endpoint: WebhookEndpointID,
        at now: Instant,
        _ session: Session
    ) throws {
        _ = try session.execute(
            """
            UPDATE webhook_health SET last_failure_at = \(now), last_failure = \(end.failure),
                failing_since = coalesce(failing_since, \(now)), failures = failures + 1
            WHERE endpoint_id = \(endpoint)
            """
        )
        guard end.isGone else { return }
        _ = try session.execute(
            """
            UPDATE webhook_endpoints SET state = 'disabled'
            WHERE endpoint_id = \(endpoint) AND state = 'enabled'
            """
        )
    }
}

extension ClaimedDelivery {
    fileprivate init(_ row: Row) throws(PostgresError) {
        account = try row.get("account_id")
        message = try row.get("message_id")
        endpoint = try row.get("endpoint_id")
        attempt = try row.get("attempts")
        tries = try row.get("tries")
        beganAt = try row.get("began_at")
        url = try row.get("url")
        isPrivate = try row.get("is_private")
        let present = try row.get("secret", as: Bytea.self)
        let retired = try row.get("retired_secret", as: Bytea?.self)
        secrets = ([present] + (retired.map { [$0] } ?? [])).map { WebhookSecret(bytes: $0.bytes) }
        body = try row.get("body")
    }
}
