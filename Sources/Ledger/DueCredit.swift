import Postgres
import Schema

/// Does at its instant what grants are due: posts those that begin, withdraws those that expire,
/// and completes what was kept for running calls.
///
/// Any number of processes may do it at the same time: each account is decided under the lock of
/// its head, and who comes second finds nothing left to do.
package struct DueCredit: Sendable {
    private static let pageSize: Int64 = 500

    private let database: Database
    private let drainTime: Duration

    /// - Parameter drainTime: how long after its end a call that was admitted on a grant may still
    ///   settle: the time after which a silent instance's leases are released.
    package init(_ database: Database, drainTime: Duration = EscrowSettings().releaseAfter) {
        self.database = database
        self.drainTime = drainTime
    }

    /// What one round has done.
    package struct Report: Sendable {
        /// Accounts that something was done to.
        package var accounts = 0
        /// Accounts that nothing could be done to, and why; the others went on.
        package var failures: [(account: AccountID, error: LedgerError)] = []
    }

    /// Does everything that is due at an instant.
    ///
    /// - Throws: when the database is away; what was done until then is durable.
    package func settle(at now: Instant) async throws(LedgerError) -> Report {
        var report = Report()
        var last = AccountID(high: 0, low: 0)
        while true {
            let page = try await dueAccounts(behind: last, at: now)
            for account in page {
                do {
                    if try await settle(account, at: now) { report.accounts += 1 }
                } catch {
                    if error.isRetrySafe { throw error }
                    report.failures.append((account, error))
                }
            }
            guard let next = page.last, page.count == Self.pageSize else { return report }
            last = next
        }
    }

    private func dueAccounts(
        behind last: AccountID,
        at now: Instant
    ) async throws(LedgerError) -> [AccountID] {
        try await database.ledgerRead { session in
            try session.execute(
                """
                SELECT account_id FROM grants WHERE \(AccountCredit.begins(by: now))
                    AND account_id > \(last)
                UNION
                SELECT account_id FROM grants WHERE closed_at IS NULL AND expires_at <= \(now)
                    AND posted_at IS NOT NULL AND account_id > \(last)
                UNION
                SELECT account_id FROM grants WHERE closed_at IS NULL AND voided_at IS NOT NULL
                    AND posted_at IS NOT NULL AND account_id > \(last)
                UNION
                SELECT account_id FROM grants WHERE closed_at IS NULL AND kept > 0
                    AND account_id > \(last)
                ORDER BY account_id LIMIT \(Self.pageSize)
                """
            ).map { try $0.get("account_id") }
        }
    }

    private func settle(
        _ account: AccountID,
        at now: Instant
    ) async throws(LedgerError) -> Bool {
        try await database.catchUpBurnDown(of: account)
        let hasChanged = try await database.ledgerCommand { session in
            _ = try session.execute(
                "SELECT FROM account_heads WHERE account_id = \(account) FOR UPDATE"
            )
            return try AccountCredit(session, account, at: now, drainTime: drainTime)
                .settleDue()
        }
        if hasChanged { await database.recallLeases(of: account) }
        return hasChanged
    }
}
