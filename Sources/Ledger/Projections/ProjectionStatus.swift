import Postgres
import Schema

/// How far the live build of a projection is behind the streams, and what it cannot take in.
package struct ProjectionStatus: Hashable, Sendable {
    package struct Stopped: Hashable, Sendable {
        package let account: AccountID
        /// The event that cannot be taken in.
        package let version: Int64
        package let reason: String
        package let stoppedAt: Instant
    }

    package let projection: String
    package let build: Int32
    /// Of the rules by which its rows are made.
    package let version: Int32
    package let eventsBehind: Int64
    /// How long ago the oldest event that is missing was recorded; 0 if none is.
    package let secondsBehind: Int64
    /// At most a hundred.
    package let stopped: [Stopped]

    /// Reads the live builds; as slow as there are streams behind.
    package static func read(_ database: Database) async throws(LedgerError) -> [ProjectionStatus] {
        try await database.ledgerRead { session in
            let stopped = try readStopped(session)
            return try session.execute(
                """
                SELECT projection, build, projections.version, lag.events,
                    greatest(0, extract(epoch FROM clock_timestamp() - lag.oldest))::bigint
                        AS seconds
                FROM projections CROSS JOIN LATERAL (
                    SELECT coalesce(sum(heads.version - coalesce(checkpoint.version, 0)), 0)::bigint
                            AS events,
                        coalesce(min((
                            SELECT recorded_at FROM events
                            WHERE events.account_id = heads.account_id
                                AND events.version = coalesce(checkpoint.version, 0) + 1
                        )), clock_timestamp()) AS oldest
                    FROM account_heads AS heads LEFT JOIN projection_checkpoints AS checkpoint
                        ON checkpoint.account_id = heads.account_id
                        AND checkpoint.projection = projections.projection
                        AND checkpoint.build = projections.build
                    WHERE heads.version > coalesce(checkpoint.version, 0)
                ) AS lag
                WHERE state = 'live' ORDER BY projection
                """
            ).map { row in
                let projection = try row.get("projection", as: String.self)
                return ProjectionStatus(
                    projection: projection,
                    build: try row.get("build"),
                    version: try row.get("version"),
                    eventsBehind: try row.get("events"),
                    secondsBehind: try row.get("seconds"),
                    stopped: stopped[projection] ?? []
                )
            }
        }
    }

    private static func readStopped(_ session: Session) throws -> [String: [Stopped]] {
        let rows = try session.execute(
            """
            SELECT projection, account_id, checkpoint.version + 1 AS version, stop_reason,
                stopped_at
            FROM projection_checkpoints AS checkpoint
                JOIN projections USING (projection, build)
                JOIN account_heads AS heads USING (account_id)
            WHERE state = 'live' AND stopped_at IS NOT NULL AND heads.version > checkpoint.version
            ORDER BY projection, stopped_at, account_id LIMIT 100
            """
        )
        var stopped: [String: [Stopped]] = [:]
        for row in rows {
            stopped[try row.get("projection"), default: []].append(
                Stopped(
                    account: try row.get("account_id"),
                    version: try row.get("version"),
                    reason: try row.get("stop_reason"),
                    stoppedAt: try row.get("stopped_at")
                )
            )
        }
        return stopped
    }
}
