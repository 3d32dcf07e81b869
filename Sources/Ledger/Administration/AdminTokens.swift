import Digest
import Postgres
import Schema

/// What may use the console.
package enum AdminTokenEntity {}
package typealias AdminTokenID = Identifier<AdminTokenEntity>

/// Makes, lists, finds and revokes the tokens of the console.
package struct AdminTokens: Sendable {
    private let database: Database

    package init(_ database: Database) {
        self.database = database
    }

    /// What a token is made of.
    package struct Creation: Hashable, Sendable {
        package var role: AdminRole
        /// The slug of the one account that it sees; of the role `account` only.
        package var account: String?
        package var name = ""
        package var expiresAt: Instant?

        package init(role: AdminRole) {
            self.role = role
        }

        fileprivate func validate(at instant: Instant) throws(LedgerError) {
            guard (role == .account) == (account != nil) else {
                throw LedgerError(.invalid, "the role account, and no other, names an account")
            }
            guard name.unicodeScalars.count <= 200 else {
                throw LedgerError(.invalid, "a name has at most 200 characters")
            }
            if let expiresAt, expiresAt <= instant {
                throw LedgerError(.invalid, "the token would end before it begins")
            }
        }
    }

    /// Makes a token.
    ///
    /// Its secret is returned here and nowhere else.
    package func create(
        _ creation: Creation,
        at instant: Instant
    ) async throws(LedgerError) -> (token: AdminToken, secret: AdminTokenSecret) {
        try creation.validate(at: instant)
        let secret = AdminTokenSecret.make()
        let id = AdminTokenID.make(at: instant)
        let token = try await database.ledgerCommand { session in
            let account = try creation.account.map { slug in
                try AccountSummary.read(slug: slug, session).id
            }
            // A conflict is this very token, of an attempt whose answer was lost.
            _ = try session.execute(
                """
                INSERT INTO admin_tokens
                    (token_id, secret_hash, prefix, role, sees_account_id, name, expires_at)
                VALUES (\(id), \(secret.hash), \(secret.prefix), \(creation.role), \(account),
                    \(creation.name), \(creation.expiresAt))
                ON CONFLICT (token_id) DO NOTHING
                """
            )
            return try AdminToken.read("token_id = \(id)", session)
        }
        return (token, secret)
    }

    /// All tokens, oldest first, revoked ones included.
    package func list() async throws(LedgerError) -> [AdminToken] {
        try await database.ledgerRead { session in
            try session.execute("\(AdminToken.query) ORDER BY admin_tokens.created_at, token_id")
                .map { try AdminToken($0) }
        }
    }

    /// The token of this hash, whether it is still good or not; nil when there is none.
    package func find(_ hash: SHA256Digest) async throws(LedgerError) -> AdminToken? {
        try await database.ledgerRead { session in
            try session.execute("\(AdminToken.query) WHERE secret_hash = \(hash)").first
                .map { try AdminToken($0) }
        }
    }

    /// Whether any token is still good.
    package func isAnyGood() async throws(LedgerError) -> Bool {
        try await database.ledgerRead { session in
            try !session.execute(
                """
                SELECT FROM admin_tokens
                WHERE revoked_at IS NULL AND (expires_at IS NULL OR expires_at > clock_timestamp())
                LIMIT 1
                """
            ).isEmpty
        }
    }

    /// Ends a token for good; repeating it keeps the first instant.
    ///
    /// - Throws: `.notFound`.
    package func revoke(_ id: AdminTokenID) async throws(LedgerError) -> AdminToken {
        try await database.ledgerCommand { session in
            _ = try session.execute(
                """
                UPDATE admin_tokens SET revoked_at = clock_timestamp()
                WHERE token_id = \(id) AND revoked_at IS NULL
                """
            )
            return try AdminToken.read("token_id = \(id)", session)
        }
    }
}

/// A token without its secret.
package struct AdminToken: Hashable, Sendable {
    package let id: AdminTokenID
    package let role: AdminRole
    /// The slug of the one account that it sees.
    package let account: String?
    package let name: String
    /// The first characters of the secret.
    package let prefix: String
    package let createdAt: Instant
    package let expiresAt: Instant?
    package let revokedAt: Instant?

    package func isGood(at instant: Instant) -> Bool {
        revokedAt == nil && expiresAt.map { $0 > instant } ?? true
    }

    fileprivate static let query: SQL = """
        SELECT token_id, role, accounts.slug, admin_tokens.name, prefix, admin_tokens.created_at,
            expires_at, revoked_at
        FROM admin_tokens LEFT JOIN accounts ON accounts.account_id = sees_account_id
        """

    fileprivate init(_ row: Row) throws(PostgresError) {
        id = try row.get("token_id")
        role = try row.get("role")
        account = try row.get("slug")
        name = try row.get("name")
        prefix = try row.get("prefix")
        createdAt = try row.get("created_at")
        expiresAt = try row.get("expires_at")
        revokedAt = try row.get("revoked_at")
    }

    fileprivate static func read(_ condition: SQL, _ session: Session) throws -> AdminToken {
        guard let row = try session.execute("\(query) WHERE \(condition)").first else {
            throw LedgerError(.notFound, "no such token")
        }
        return try AdminToken(row)
    }
}
