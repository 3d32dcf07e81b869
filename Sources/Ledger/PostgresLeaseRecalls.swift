import Postgres
import Schema

extension Database {
    /// Recalls every instance's leases of an account whose credit was lowered by hand, if they hold
    /// what is to leave it: what no call uses then comes back at once, not when it has lain idle.
    ///
    /// A hint, like every recall: if it is lost, idle credit comes back some seconds later.
    func recallLeases(of account: AccountID) async {
        let isShort = try? await ledgerRead { session in
            try session.execute(
                """
                SELECT FROM account_heads WHERE account_id = \(account) AND escrowed > 0
                    AND (overdrawn > 0 OR reserved > 0)
                """
            ).count > 0
        }
        guard isShort == true else { return }
        // No instance is called so, and each takes a recall by any other.
        let nobody = InstanceIdentity(
            instance: InstanceID(high: 0, low: 0),
            epoch: 0,
            nonce: Nonce(high: 0, low: 0)
        )
        try? await PostgresLeaseAuthority(self).recall([account], by: nobody)
    }
}

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
