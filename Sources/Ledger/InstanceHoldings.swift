import Postgres
import Schema

/// What one instance has leased of one account: all that the ledger knows of its calls there.
package struct InstanceHolding: Hashable, Sendable {
    package let instance: InstanceID
    package let label: String
    package let renewedAt: Instant
    /// What its open leases have left.
    package let escrowed: Pico
}

extension Instances {
    /// The instances that have open leases of an account, the last renewed first.
    ///
    /// - Throws: `.notFound`.
    package func holdings(of slug: String) async throws(LedgerError) -> [InstanceHolding] {
        try await database.ledgerRead { session in
            let account = try AccountSummary.read(slug: slug, session).id
            return try session.execute(
                """
                SELECT instance_id, label, renewed_at, sum(granted - settled) AS escrowed
                FROM leases JOIN instances USING (instance_id)
                WHERE account_id = \(account) AND state = 'open'
                GROUP BY instance_id, label, renewed_at ORDER BY renewed_at DESC, instance_id
                """
            ).map { row in
                InstanceHolding(
                    instance: try row.get("instance_id"),
                    label: try row.get("label"),
                    renewedAt: try row.get("renewed_at"),
                    escrowed: try row.get("escrowed")
                )
            }
        }
    }
}
