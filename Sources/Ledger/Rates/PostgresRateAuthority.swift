import Postgres
import Schema

/// The shares of instances in keys' limits, as PostgreSQL keeps them.
package struct PostgresRateAuthority: RateAuthority {
    private let database: Database
    private let settings: RateSettings

    package init(_ database: Database, settings: RateSettings = RateSettings()) {
        self.database = database
        self.settings = settings
    }

    package func exchange(_ request: RateRequest) async throws(LedgerError) -> RateReply {
        let settings = settings
        return try await database.ledgerTransaction { session in
            try RateExchange(session, request, settings).perform()
        }
    }
}

/// One request's transaction, which those of the same key wait for.
private struct RateExchange {
    let session: Session
    let request: RateRequest
    let settings: RateSettings

    init(_ session: Session, _ request: RateRequest, _ settings: RateSettings) {
        (self.session, self.request, self.settings) = (session, request, settings)
    }

    func perform() throws -> RateReply {
        let limits = try lockedLimits()
        try checkOrder()
        let reply = RateReply(to: request, limits: limits, elsewhere: try elsewhere())
        try record(request.held + reply.granted)
        return reply
    }

    /// The lock of the key's row orders all requests of a key.
    private func lockedLimits() throws -> RateLimits {
        let rows = try session.execute(
            """
            SELECT requests_per_minute, tokens_per_minute, concurrency FROM api_keys
            WHERE account_id = \(request.key.account) AND key_id = \(request.key.key)
            FOR NO KEY UPDATE
            """
        )
        guard let row = rows.first else {
            throw LedgerError(.notFound, "no key \(request.key.key)")
        }
        return try RateLimits(row)
    }

    private func checkOrder() throws {
        let row = try session.execute(
            """
            SELECT (SELECT epoch FROM instances WHERE instance_id = \(request.instance)) AS epoch,
                (SELECT op_seq FROM rate_shares
                    WHERE account_id = \(request.key.account) AND key_id = \(request.key.key)
                        AND instance_id = \(request.instance) AND epoch = \(request.epoch)
                ) AS op_seq
            """
        ).single()
        guard try row.get("epoch", as: Int64?.self) == request.epoch else {
            throw LedgerError(.superseded, "a later start of the instance has registered")
        }
        if let last = try row.get("op_seq", as: Int64?.self), last >= request.sequence {
            throw LedgerError(.outOfSequence, "a later request came before this one")
        }
    }

    /// The sum of the others' shares; those that are over are deleted.
    private func elsewhere() throws -> RateAmounts {
        let row = try session.execute(
            """
            SELECT coalesce(sum(requests) FILTER (WHERE is_used), 0)::bigint AS requests,
                coalesce(sum(tokens) FILTER (WHERE is_used), 0)::bigint AS tokens,
                coalesce(sum(running) FILTER (WHERE is_running), 0)::bigint AS running,
                bool_or(NOT is_used AND NOT is_running) AS are_some_over
            FROM (\(others)) AS others
            """
        ).single()
        if try row.get("are_some_over", as: Bool?.self) ?? false { try forgetOthers() }
        return RateAmounts(
            requests: try row.get("requests"),
            tokens: try row.get("tokens"),
            running: try row.get("running")
        )
    }

    /// The others' shares, and whether each may still have been used within a minute, or have calls
    /// under way.
    ///
    /// An earlier start's calls have ended with its process, before the next one registered; a
    /// silent instance's run on until its leases may be released.
    private var others: SQL {
        """
        SELECT shares.*,
            clock_timestamp() < CASE
                WHEN instances.epoch <> shares.epoch
                    THEN registered_at + \(seconds(settings.drainMax))
                WHEN stopped_at IS NOT NULL THEN stopped_at + \(seconds(settings.drainMax))
                ELSE renewed_at + \(seconds(settings.silenceMax))
            END AS is_used,
            instances.epoch = shares.epoch AND stopped_at IS NULL AND clock_timestamp()
                < renewed_at + make_interval(secs => release_after_seconds) AS is_running
        FROM rate_shares AS shares JOIN instances USING (instance_id)
        WHERE account_id = \(request.key.account) AND key_id = \(request.key.key)
            AND (instance_id, shares.epoch) <> (\(request.instance), \(request.epoch))
        """
    }

    private func forgetOthers() throws {
        _ = try session.execute(
            """
            DELETE FROM rate_shares AS forgotten USING (\(others)) AS others
            WHERE NOT others.is_used AND NOT others.is_running
                AND forgotten.account_id = others.account_id
                AND forgotten.key_id = others.key_id
                AND forgotten.instance_id = others.instance_id
                AND forgotten.epoch = others.epoch
            """
        )
    }

    private func record(_ share: RateAmounts) throws {
        _ = try session.execute(
            """
            INSERT INTO rate_shares
                (account_id, key_id, instance_id, epoch, op_seq, requests, tokens, running)
            VALUES (\(request.key.account), \(request.key.key), \(request.instance),
                \(request.epoch), \(request.sequence), \(share.requests), \(share.tokens),
                \(share.running))
            ON CONFLICT (account_id, key_id, instance_id, epoch) DO UPDATE
            SET op_seq = excluded.op_seq, requests = excluded.requests,
                tokens = excluded.tokens, running = excluded.running
            """
        )
    }

    private func seconds(_ duration: Duration) -> SQL {
        let (seconds, attoseconds) = duration.components
        let milliseconds = seconds * 1_000 + attoseconds / 1_000_000_000_000_000
        return "\(milliseconds)::bigint * interval '1 millisecond'"
    }
}

extension RateLimits {
    /// Reads `requests_per_minute`, `tokens_per_minute` and `concurrency`.
    init(_ row: Row) throws(PostgresError) {
        self.init(
            requestsPerMinute: try row.get("requests_per_minute"),
            tokensPerMinute: try row.get("tokens_per_minute"),
            concurrency: try row.get("concurrency")
        )
    }
}
