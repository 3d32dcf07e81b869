import Digest
import Postgres
import Schema

/// Reads the directory, or parts of it, within one transaction.
struct DirectoryReader {
    private static let pageSize = 50_000

    private static let keyColumns: SQL = """
        account_id, key_id, project_id, secret_hash, models, expires_at, max_output_tokens,
        requests_per_minute, tokens_per_minute, concurrency, addresses,
        revoked_at IS NOT NULL AS is_revoked
        """

    /// Keys by the secrets that they had before, each with the earlier of the two ends.
    private static let retiredKeys: SQL = """
        (SELECT account_id, key_id, project_id, retired_secrets.secret_hash, models,
            least(api_keys.expires_at, retired_secrets.expires_at) AS expires_at,
            max_output_tokens, requests_per_minute, tokens_per_minute, concurrency, addresses,
            revoked_at
        FROM retired_secrets JOIN api_keys USING (account_id, key_id)) AS retired_keys
        """

    private let session: Session

    init(_ session: Session) {
        self.session = session
    }

    /// Where this transaction's snapshot stands.
    func position() throws -> DirectoryPosition {
        let row = try session.execute(
            """
            SELECT pg_snapshot_xmin(pg_current_snapshot())::text::bigint AS oldest_running,
                now() AS read_at
            """
        ).single()
        return DirectoryPosition(
            oldestRunning: try row.get("oldest_running"),
            readAt: try row.get("read_at")
        )
    }

    // MARK: Everything

    func accounts() throws -> [AccountID: DirectorySnapshot.Account] {
        let rows = try session.execute(
            """
            SELECT account_id, slug, currency, plan, status <> 'active' AS is_suspended
            FROM accounts JOIN account_heads USING (account_id)
            """
        )
        var accounts: [AccountID: DirectorySnapshot.Account] = [:]
        accounts.reserveCapacity(rows.count)
        for row in rows {
            let account = try DirectorySnapshot.Account(row)
            accounts[account.id] = account
        }
        return accounts
    }

    /// All keys but those that are revoked.
    func keys() throws -> [KeyTable.Entry] {
        let count = try session.execute(
            "SELECT count(*) AS count FROM api_keys WHERE revoked_at IS NULL"
        ).single().get("count", as: Int.self)
        let caps = try caps(
            session.execute("SELECT scope_id, day_limit, month_limit, total_limit FROM spend_caps")
        )
        var entries: [KeyTable.Entry] = []
        entries.reserveCapacity(count)
        // Pages bound what libpq holds of the result.
        var last = (account: AccountID(high: 0, low: 0), key: KeyID(high: 0, low: 0))
        while true {
            let rows = try session.execute(
                """
                SELECT \(Self.keyColumns) FROM api_keys
                WHERE (account_id, key_id) > (\(last.account), \(last.key))
                    AND revoked_at IS NULL
                ORDER BY account_id, key_id LIMIT \(Self.pageSize)
                """
            )
            for row in rows {
                let key = try DirectorySnapshot.Key(row, caps: caps)
                entries.append((hash: try row.get("secret_hash"), key: key))
                last = (key.account, key.id)
            }
            if rows.count < Self.pageSize { break }
        }
        let retired = try session.execute(
            """
            SELECT \(Self.keyColumns) FROM \(Self.retiredKeys)
            WHERE expires_at > now() AND revoked_at IS NULL
            """
        )
        for row in retired {
            let key = try DirectorySnapshot.Key(row, caps: caps)
            entries.append((hash: try row.get("secret_hash"), key: key))
        }
        return entries
    }

    // MARK: What has changed

    /// The accounts and keys that a transaction has changed which was not over at the position.
    func changes(since position: DirectoryPosition) throws -> DirectoryChanges {
        let rows = try session.execute(
            """
            SELECT DISTINCT account_id, project_id, key_id FROM directory_changes
            WHERE changed_by >= \(String(position.oldestRunning))::text::xid8
            """
        )
        var accounts: [AccountID] = []
        var (projectOwners, projects): ([AccountID], [ProjectID]) = ([], [])
        var (keyOwners, keys): ([AccountID], [KeyID]) = ([], [])
        for row in rows {
            let account = try row.get("account_id", as: AccountID.self)
            if let key = try row.get("key_id", as: KeyID?.self) {
                keyOwners.append(account)
                keys.append(key)
            } else if let project = try row.get("project_id", as: ProjectID?.self) {
                projectOwners.append(account)
                projects.append(project)
            } else {
                accounts.append(account)
            }
        }
        var changes = DirectoryChanges()
        if !accounts.isEmpty { changes.accounts = try self.accounts(accounts) }
        // Apart from each other, so that both find theirs by the primary key: with OR between them
        // PostgreSQL reads the whole table.
        let wanted: [SQL] = [
            """
            JOIN unnest(\(keyOwners), \(keys)) AS changed (account_id, key_id)
                USING (account_id, key_id)
            """,
            """
            JOIN unnest(\(projectOwners), \(projects)) AS changed (account_id, project_id)
                USING (account_id, project_id)
            """,
        ]
        for (join, owners) in zip(wanted, [keyOwners, projectOwners]) where !owners.isEmpty {
            for table in ["api_keys", Self.retiredKeys] {
                let rows = try session.execute("SELECT \(Self.keyColumns) FROM \(table) \(join)")
                let found = try self.keys(rows, ofAccounts: owners)
                changes.keys.merge(found) { current, _ in current }
            }
        }
        return changes
    }

    private func accounts(_ ids: [AccountID]) throws -> [DirectorySnapshot.Account] {
        try session.execute(
            """
            SELECT account_id, slug, currency, plan, status <> 'active' AS is_suspended
            FROM accounts JOIN account_heads USING (account_id)
            WHERE account_id = ANY(\(ids))
            """
        ).map { try DirectorySnapshot.Account($0) }
    }

    /// Keys by hash, nil for those that are revoked.
    private func keys(
        _ rows: Rows,
        ofAccounts accounts: [AccountID]
    ) throws -> [SHA256Digest: DirectorySnapshot.Key?] {
        let caps = try caps(
            session.execute(
                """
                SELECT scope_id, day_limit, month_limit, total_limit FROM spend_caps
                WHERE account_id = ANY(\(accounts))
                """
            )
        )
        var keys: [SHA256Digest: DirectorySnapshot.Key?] = [:]
        for row in rows {
            let isRevoked = try row.get("is_revoked", as: Bool.self)
            keys[try row.get("secret_hash")] =
                .some(isRevoked ? nil : try DirectorySnapshot.Key(row, caps: caps))
        }
        return keys
    }

    private func caps(_ rows: Rows) throws -> [Identifier<CapScope>: SpendLimits] {
        var caps: [Identifier<CapScope>: SpendLimits] = [:]
        for row in rows {
            let limits = try SpendLimits(row)
            if limits != .none { caps[try row.get("scope_id")] = limits }
        }
        return caps
    }
}

extension DirectorySnapshot.Account {
    fileprivate init(_ row: Row) throws {
        self.init(
            id: try row.get("account_id"),
            slug: try row.get("slug"),
            currency: try row.get("currency"),
            isSuspended: try row.get("is_suspended"),
            plan: try row.get("plan")
        )
    }
}

extension DirectorySnapshot.Key {
    fileprivate init(_ row: Row, caps: [Identifier<CapScope>: SpendLimits]) throws {
        let id = try row.get("key_id", as: KeyID.self)
        let project = try row.get("project_id", as: ProjectID.self)
        self.init(
            id: id,
            account: try row.get("account_id"),
            project: project,
            expiresAt: try row.get("expires_at"),
            models: try row.get("models"),
            outputTokensMax: try row.get("max_output_tokens"),
            caps: caps.isEmpty
                ? []
                : [CapScope.key(id), .project(project)].compactMap { scope in
                    caps[scope.id].map { SpendCap(scope, $0) }
                },
            rates: try RateLimits(row),
            addresses: try AddressRange.list(row)
        )
    }
}
