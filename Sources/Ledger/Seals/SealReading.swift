import Postgres
import Schema

/// The seals as they are read: of one account, or the last one of every account.
package struct Seals: Sendable {
    /// The most seals of one page.
    package static let pageMax = 1_000

    private let database: Database

    package init(_ database: Database) {
        self.database = database
    }

    /// An account's seals that end at a version or later, in order; fewer than `limit` at the end.
    package func seals(
        of account: AccountID,
        from version: Int64 = 1,
        limit: Int = pageMax
    ) async throws(LedgerError) -> [Seal] {
        try await database.ledgerRead { session in
            try session.execute(
                """
                SELECT \(Seal.columns) FROM seals
                WHERE account_id = \(account) AND last_version >= \(version)
                ORDER BY first_version LIMIT \(min(max(limit, 1), Self.pageMax))
                """
            ).map { try Seal($0) }
        }
    }

    /// The last seal of an account, which covers all before it; nil before the first.
    package func latest(of account: AccountID) async throws(LedgerError) -> Seal? {
        try await database.ledgerRead { session in
            try session.execute(
                """
                SELECT \(Seal.columns) FROM seals WHERE account_id = \(account)
                ORDER BY first_version DESC LIMIT 1
                """
            ).first.map { try Seal($0) }
        }
    }

    /// The last seals of the accounts behind one, in order; fewer than `limit` at the end.
    package func latest(
        after account: AccountID? = nil,
        limit: Int = pageMax
    ) async throws(LedgerError) -> [Seal] {
        let start = account ?? AccountID(high: 0, low: 0)
        return try await database.ledgerRead { session in
            try session.execute(
                """
                SELECT \(Seal.columns) FROM (
                    SELECT account_id FROM seal_checkpoints
                    WHERE account_id > \(start) AND version > 0
                    ORDER BY account_id LIMIT \(min(max(limit, 1), Self.pageMax))
                ) AS sealed
                CROSS JOIN LATERAL (
                    SELECT * FROM seals WHERE seals.account_id = sealed.account_id
                    ORDER BY first_version DESC LIMIT 1
                ) AS seals
                ORDER BY seals.account_id
                """
            ).map { try Seal($0) }
        }
    }
}

extension Seal {
    /// The columns that `init(_:)` reads, of `seals`.
    static let columns: SQL = """
        seals.account_id, seals.first_version, seals.last_version, seals.format,
        seals.previous_hash, seals.hash, seals.fingerprints, seals.sealed_at
        """

    init(_ row: Row) throws(PostgresError) {
        self.init(
            account: try row.get("account_id"),
            firstVersion: try row.get("first_version"),
            lastVersion: try row.get("last_version"),
            format: try row.get("format"),
            previousHash: try row.get("previous_hash"),
            hash: try row.get("hash"),
            fingerprints: try row.get("fingerprints"),
            sealedAt: try row.get("sealed_at")
        )
    }
}
