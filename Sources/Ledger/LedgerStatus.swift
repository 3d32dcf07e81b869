import Postgres
import Schema

/// How large the ledger is, and what in it wants looking at.
package struct LedgerStatus: Hashable, Sendable {
    package let accounts: Int64
    package let suspendedAccounts: Int64
    package let overdrawnAccounts: Int64
    /// Events in all streams.
    package let events: Int64
    /// Events that no seal covers yet, and how long the oldest of them has waited.
    package let unsealedEvents: Int64
    package let sealLagSeconds: Int64
    package let openLeases: Int64
    /// For how long nothing new is leased, because the database was promoted or restored.
    package let learningSeconds: Int64
    /// Events that are set aside and not resolved.
    package let parkedEvents: Int64
    /// Instances that renew their leases.
    package let liveInstances: Int64
    /// Of the whole database and of the events with their indexes.
    package let databaseBytes: Int64
    package let eventBytes: Int64

    /// Reads it all in one statement.
    package static func read(
        _ database: Database,
        settings: EscrowSettings = EscrowSettings()
    ) async throws(LedgerError) -> LedgerStatus {
        let silenceMax = settings.heartbeatSilenceMax.components.seconds
        return try await database.ledgerRead { session in
            let row = try session.execute(
                """
                WITH unsealed AS (
                    SELECT account_id, account_heads.version - sealed AS count, sealed + 1 AS first
                    FROM account_heads LEFT JOIN seal_checkpoints USING (account_id)
                    CROSS JOIN LATERAL (SELECT coalesce(seal_checkpoints.version, 0)) AS s (sealed)
                    WHERE account_heads.version > sealed
                )
                SELECT count(*) AS accounts,
                    count(*) FILTER (WHERE status = 'suspended') AS suspended,
                    count(*) FILTER (WHERE overdrawn > 0) AS overdrawn,
                    coalesce(sum(version), 0)::bigint AS events,
                    (SELECT coalesce(sum(count), 0)::bigint FROM unsealed) AS unsealed_events,
                    (SELECT coalesce(extract(epoch FROM now() - min(recorded_at)), 0)::bigint
                        FROM unsealed CROSS JOIN LATERAL (
                            SELECT recorded_at FROM events
                            WHERE events.account_id = unsealed.account_id
                                AND events.version = unsealed.first LIMIT 1) AS oldest)
                        AS seal_lag_seconds,
                    (SELECT count(*) FROM leases WHERE state = 'open') AS open_leases,
                    (SELECT ceil(extract(epoch FROM greatest(interval '0',
                        grants_from - clock_timestamp())))::bigint FROM incarnations
                        ORDER BY incarnation DESC LIMIT 1) AS learning_seconds,
                    (SELECT count(*) FROM parked_events WHERE resolved_at IS NULL) AS parked,
                    (SELECT count(*) FROM instances
                        WHERE stopped_at IS NULL
                            AND renewed_at >= now() - make_interval(secs => \(silenceMax)::bigint))
                        AS live_instances,
                    pg_database_size(current_database()) AS database_bytes,
                    (SELECT sum(pg_total_relation_size(relid))::bigint
                        FROM pg_partition_tree('events')) AS event_bytes
                FROM account_heads
                """
            ).single()
            return LedgerStatus(
                accounts: try row.get("accounts"),
                suspendedAccounts: try row.get("suspended"),
                overdrawnAccounts: try row.get("overdrawn"),
                events: try row.get("events"),
                unsealedEvents: try row.get("unsealed_events"),
                sealLagSeconds: try row.get("seal_lag_seconds"),
                openLeases: try row.get("open_leases"),
                learningSeconds: try row.get("learning_seconds"),
                parkedEvents: try row.get("parked"),
                liveInstances: try row.get("live_instances"),
                databaseBytes: try row.get("database_bytes"),
                eventBytes: try row.get("event_bytes")
            )
        }
    }
}
