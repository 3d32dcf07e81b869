import Postgres
import Schema

/// The part of the ledger that is verified at once: one account, or those of one partition.
struct VerificationScope: Sendable {
    /// The table, or its partition, that holds the events of these accounts.
    let events: SQL
    /// The same of the seals.
    let seals: SQL
    /// A condition on a column `account_id`.
    let accounts: SQL

    /// One account.
    init(_ account: AccountID) {
        events = "events"
        seals = "seals"
        accounts = "account_id = \(account)"
    }

    private init(_ row: Row) throws(PostgresError) {
        // Names and conditions from PostgreSQL's own catalog, quoted by it.
        events = "\(unescaped: try row.get("events"))"
        seals = "\(unescaped: try row.get("seals"))"
        accounts = "\(unescaped: try row.get("condition"))"
    }

    /// All accounts, in as many scopes as `events` has partitions.
    static func all(_ session: Session) throws(PostgresError) -> [VerificationScope] {
        try session.execute(
            """
            WITH leaves AS (
                SELECT root, relid, pg_get_expr(relpartbound, relid) AS bound
                FROM (VALUES ('events'), ('seals')) AS roots (root)
                CROSS JOIN pg_partition_tree(root::regclass)
                JOIN pg_class ON pg_class.oid = relid
                WHERE isleaf
            )
            SELECT events.relid::regclass::text AS events,
                coalesce(seals.relid::regclass::text, 'seals') AS seals,
                coalesce(pg_get_partition_constraintdef(events.relid), 'true') AS condition
            FROM leaves AS events
            LEFT JOIN leaves AS seals ON seals.root = 'seals' AND seals.bound = events.bound
            WHERE events.root = 'events'
            ORDER BY events.relid
            """
        ).map { row throws(PostgresError) in try VerificationScope(row) }
    }
}
