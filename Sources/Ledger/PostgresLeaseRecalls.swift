import Postgres
import Schema

/// Recalls: a row for those that poll and a notification for those that listen, in a transaction
/// that locks neither a head nor a lease, for NOTIFY takes a lock of the whole cluster at commit.
extension PostgresLeaseAuthority {
    package func recall(
        _ accounts: [AccountID],
        by identity: InstanceIdentity
    ) async throws(LedgerError) {
        let accounts = accounts.sorted()
        for start in stride(from: 0, to: accounts.count, by: LeaseRecall.accountsMax) {
            let some = Array(accounts[start..<min(start + LeaseRecall.accountsMax, accounts.count)])
            let recall = LeaseRecall(instance: identity.instance, accounts: some)
            try await database.ledgerTransaction { session in
                // In order, so that two that recall the same accounts do not deadlock.
                _ = try session.execute(
                    """
                    INSERT INTO lease_recalls (account_id, instance_id, asked_at)
                    SELECT account_id, \(identity.instance), clock_timestamp()
                    FROM unnest(\(some)) AS recalled (account_id) ORDER BY account_id
                    ON CONFLICT (account_id) DO UPDATE
                        SET instance_id = excluded.instance_id, asked_at = excluded.asked_at
                    """
                )
                _ = try session.execute(
                    "SELECT pg_notify(\(EscrowService.recallChannel), \(recall.payload))"
                )
            }
        }
    }

    package func recalled(
        from identity: InstanceIdentity,
        within age: Duration
    ) async throws(LedgerError) -> [AccountID] {
        let seconds = age.components.seconds
        return try await database.ledgerRead { session in
            try session.execute(
                """
                SELECT account_id FROM lease_recalls
                WHERE asked_at > clock_timestamp() - make_interval(secs => \(seconds))
                    AND instance_id <> \(identity.instance)
                """
            ).map { try $0.get("account_id", as: AccountID.self) }
        }
    }
}
