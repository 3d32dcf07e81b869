import Digest
import Postgres
import Schema

/// Reads the snapshot of accounts and keys that instances authenticate by.
package struct Directory: Sendable {
    /// The channel that is notified when a key or an account has changed.
    package static let channel = "farebox_directory"

    private static let pageSize = 50_000

    private let database: Database

    package init(_ database: Database) {
        self.database = database
    }

    /// Reads everything as of one instant.
    package func snapshot() async throws(LedgerError) -> DirectorySnapshot {
        do {
            return try await database.transaction(.repeatableRead) { session in
                DirectorySnapshot(
                    accounts: try readAccounts(session),
                    keys: KeyTable(try readKeys(session, caps: try readCaps(session)))
                )
            }
        } catch {
            throw LedgerError(error)
        }
    }

    private func readAccounts(
        _ session: Session
    ) throws -> [AccountID: DirectorySnapshot.Account] {
        let rows = try session.execute(
            """
            SELECT account_id, slug, currency, status <> 'active' AS is_suspended
            FROM accounts JOIN account_heads USING (account_id)
            """
        )
        var accounts: [AccountID: DirectorySnapshot.Account] = [:]
        accounts.reserveCapacity(rows.count)
        for row in rows {
            let id = try row.get("account_id", as: AccountID.self)
            accounts[id] = DirectorySnapshot.Account(
                id: id,
                slug: try row.get("slug"),
                currency: try row.get("currency"),
                isSuspended: try row.get("is_suspended")
            )
        }
        return accounts
    }

    private func readCaps(_ session: Session) throws -> [Identifier<CapScope>: SpendLimits] {
        let rows = try session.execute(
            "SELECT scope_id, day_limit, month_limit, total_limit FROM spend_caps"
        )
        var caps: [Identifier<CapScope>: SpendLimits] = [:]
        for row in rows {
            let limits = try SpendLimits(row)
            if limits != .none { caps[try row.get("scope_id")] = limits }
        }
        return caps
    }

    private func readKeys(
        _ session: Session,
        caps: [Identifier<CapScope>: SpendLimits]
    ) throws -> [KeyTable.Entry] {
        let count = try session.execute(
            "SELECT count(*) AS count FROM api_keys WHERE revoked_at IS NULL"
        ).single().get("count", as: Int.self)
        var entries: [KeyTable.Entry] = []
        entries.reserveCapacity(count)
        // Pages bound what libpq holds of the result.
        var last = (account: AccountID(high: 0, low: 0), key: KeyID(high: 0, low: 0))
        while true {
            let rows = try session.execute(
                """
                SELECT account_id, key_id, project_id, secret_hash, models, expires_at,
                    max_output_tokens
                FROM api_keys
                WHERE (account_id, key_id) > (\(last.account), \(last.key))
                    AND revoked_at IS NULL
                ORDER BY account_id, key_id LIMIT \(Self.pageSize)
                """
            )
            for row in rows {
                let id = try row.get("key_id", as: KeyID.self)
                let project = try row.get("project_id", as: ProjectID.self)
                let key = DirectorySnapshot.Key(
                    id: id,
                    account: try row.get("account_id"),
                    project: project,
                    expiresAt: try row.get("expires_at"),
                    models: try row.get("models"),
                    outputTokensMax: try row.get("max_output_tokens"),
                    caps: [CapScope.key(id), .project(project)].compactMap { scope in
                        caps[scope.id].map { SpendCap(scope, $0) }
                    }
                )
                entries.append((hash: try row.get("secret_hash"), key: key))
                last = (key.account, key.id)
            }
            if rows.count < Self.pageSize { return entries }
        }
    }
}
