import Digest
import Postgres
import Schema

/// Makes, lists, rotates and revokes the keys that calls are authenticated with.
package struct APIKeys: Sendable {
    let database: Database

    package init(_ database: Database) {
        self.database = database
    }

    /// What a key is made of.
    package struct Creation: Hashable, Sendable {
        package var account: String
        package var project = Accounts.defaultProject
        package var name = ""
        /// Globs of the models that it may use; nil is all.
        package var models: [String]?
        package var expiresAt: Instant?
        /// The most output tokens of a call; above zero.
        package var outputTokensMax: Int64?
        package var limits = SpendLimits.none
        package var rates = RateLimits.none
        /// Where its calls may come from; nil is anywhere.
        package var addresses: [AddressRange]?

        package init(account: String) {
            self.account = account
        }
    }

    /// Makes a key.
    ///
    /// Its secret is returned here and nowhere else.
    package func create(
        _ creation: Creation,
        at instant: Instant
    ) async throws(LedgerError) -> (key: KeySummary, secret: APIKeySecret) {
        if let models = creation.models {
            guard (1...100).contains(models.count), models.allSatisfy({ !$0.isEmpty }) else {
                throw LedgerError(.invalid, "a key may name 1 to 100 patterns of models")
            }
        }
        if let addresses = creation.addresses, !(1...100).contains(addresses.count) {
            throw LedgerError(.invalid, "a key may name 1 to 100 ranges of addresses")
        }
        guard (creation.outputTokensMax ?? 1) > 0 else {
            throw LedgerError(.invalid, "the most output tokens must be above zero")
        }
        let secret = APIKeySecret.make()
        let id = KeyID.make(at: instant)
        let key = try await database.ledgerCommand { session in
            let account = try AccountSummary.read(slug: creation.account, session)
            let project = try ProjectSummary.read(
                slug: creation.project,
                of: account.id,
                session
            )
            // A conflict is this very key, of an attempt whose answer was lost.
            _ = try session.execute(
                """
                INSERT INTO api_keys (account_id, key_id, project_id, secret_hash, prefix, name,
                    models, expires_at, max_output_tokens, requests_per_minute,
                    tokens_per_minute, concurrency, addresses)
                VALUES (\(account.id), \(id), \(project.id), \(secret.hash), \(secret.prefix),
                    \(creation.name), \(creation.models), \(creation.expiresAt),
                    \(creation.outputTokensMax), \(creation.rates.requestsPerMinute),
                    \(creation.rates.tokensPerMinute), \(creation.rates.concurrency),
                    \(creation.addresses?.map(\.description)))
                ON CONFLICT (account_id, key_id) DO NOTHING
                """
            )
            try SpendCapChange(session, account.id, .key(id))
                .apply(SpendLimitChanges(creation.limits), isNew: true)
            return try KeySummary.read(id, session)
        }
        return (key, secret)
    }

    /// The keys of an account, oldest first, revoked ones included.
    package func list(_ account: String) async throws(LedgerError) -> [KeySummary] {
        try await database.ledgerRead { session in
            let account = try AccountSummary.read(slug: account, session)
            return try session.execute(
                """
                \(KeySummary.query) WHERE api_keys.account_id = \(account.id)
                ORDER BY api_keys.created_at, api_keys.key_id
                """
            ).map { try KeySummary($0) }
        }
    }

    /// One key; throws `.notFound`.
    package func show(_ key: KeyID) async throws(LedgerError) -> KeySummary {
        try await database.ledgerRead { session in try KeySummary.read(key, session) }
    }

    /// Changes what a key may spend; a lower limit only stops calls that are not admitted yet.
    ///
    /// - Parameter expected: what the caller has seen; `.superseded` when it is not so any more.
    package func limit(
        _ key: KeyID,
        _ changes: SpendLimitChanges,
        ifUnchanged expected: KeySummary? = nil
    ) async throws(LedgerError) -> KeySummary {
        try await database.ledgerCommand { session in
            let account = try KeySummary.read(key, session).accountSlug
            _ = try AccountSummary.lock(slug: account, session)
            let found = try KeySummary.read(key, session)
            guard expected == nil || expected == found else {
                throw LedgerError(.superseded, "the key was changed meanwhile")
            }
            try SpendCapChange(session, found.account, .key(key)).apply(changes)
            return try KeySummary.read(key, session)
        }
    }

    /// Ends a key for good; repeating it keeps the first instant.
    package func revoke(_ key: KeyID) async throws(LedgerError) -> KeySummary {
        try await database.ledgerCommand { session in
            let found = try KeySummary.read(key, session)
            _ = try session.execute(
                """
                UPDATE api_keys SET revoked_at = clock_timestamp()
                WHERE account_id = \(found.account) AND key_id = \(key) AND revoked_at IS NULL
                """
            )
            return try KeySummary.read(key, session)
        }
    }
}

/// A key without its secret.
package struct KeySummary: Hashable, Sendable {
    package let id: KeyID
    package let account: AccountID
    package let accountSlug: String
    package let projectSlug: String
    package let name: String
    /// The first characters of the secret.
    package let prefix: String
    package let models: [String]?
    package let expiresAt: Instant?
    package let outputTokensMax: Int64?
    package let limits: SpendLimits
    package let rates: RateLimits
    package let addresses: [AddressRange]?
    /// When the last of the secrets ends that it had before; nil when none works any more.
    package let retiredSecretsExpireAt: Instant?
    package let currency: Currency
    package let createdAt: Instant
    package let revokedAt: Instant?

    static let query: SQL = """
        SELECT api_keys.*, accounts.slug AS account_slug, accounts.currency,
            projects.slug AS project_slug, day_limit, month_limit, total_limit,
            (SELECT max(retired_secrets.expires_at) FROM retired_secrets
                WHERE retired_secrets.account_id = api_keys.account_id
                    AND retired_secrets.key_id = api_keys.key_id
                    AND retired_secrets.expires_at > clock_timestamp()) AS retired_expire_at
        FROM api_keys JOIN accounts USING (account_id) JOIN projects USING (account_id, project_id)
            LEFT JOIN spend_caps ON spend_caps.account_id = api_keys.account_id
                AND scope_id = api_keys.key_id
        """

    init(_ row: Row) throws(PostgresError) {
        id = try row.get("key_id")
        account = try row.get("account_id")
        accountSlug = try row.get("account_slug")
        projectSlug = try row.get("project_slug")
        name = try row.get("name")
        prefix = try row.get("prefix")
        models = try row.get("models")
        expiresAt = try row.get("expires_at")
        outputTokensMax = try row.get("max_output_tokens")
        limits = try SpendLimits(row)
        rates = try RateLimits(row)
        addresses = try AddressRange.list(row)
        retiredSecretsExpireAt = try row.get("retired_expire_at")
        currency = try row.get("currency")
        createdAt = try row.get("created_at")
        revokedAt = try row.get("revoked_at")
    }

    static func read(_ key: KeyID, _ session: Session) throws -> KeySummary {
        let rows = try session.execute("\(query) WHERE api_keys.key_id = \(key)")
        guard let row = rows.first else { throw LedgerError(.notFound, "no key \(key)") }
        return try KeySummary(row)
    }
}
