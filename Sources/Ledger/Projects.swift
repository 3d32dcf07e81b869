import Postgres
import Schema

/// Makes and lists the projects of an account.
package struct Projects: Sendable {
    private let database: Database

    package init(_ database: Database) {
        self.database = database
    }

    /// Makes a project; throws `.conflict` when the account has one of this slug.
    package func create(
        _ slug: String,
        in account: String,
        limits: SpendLimits = .none,
        at instant: Instant
    ) async throws(LedgerError) -> ProjectSummary {
        guard Slug.isValid(slug) else { throw Slug.error("project") }
        let project = ProjectID.make(at: instant)
        return try await database.ledgerCommand { session in
            let account = try AccountSummary.read(slug: account, session)
            _ = try session.execute(
                """
                INSERT INTO projects (account_id, project_id, slug)
                VALUES (\(account.id), \(project), \(slug))
                ON CONFLICT (account_id, slug) DO NOTHING
                """
            )
            let made = try ProjectSummary.read(slug: slug, of: account.id, session)
            guard made.id == project else {
                throw LedgerError(.conflict, "the project \(slug) exists already")
            }
            try SpendCapChange(session, account.id, .project(project))
                .apply(SpendLimitChanges(limits), isNew: true)
            return try ProjectSummary.read(slug: slug, of: account.id, session)
        }
    }

    /// Changes what a project may spend; a lower limit only stops calls that are not admitted yet.
    ///
    /// - Parameter expected: what the caller has seen; `.superseded` when it is not so any more.
    package func limit(
        _ slug: String,
        of account: String,
        _ changes: SpendLimitChanges,
        ifUnchanged expected: ProjectSummary? = nil
    ) async throws(LedgerError) -> ProjectSummary {
        try await database.ledgerCommand { session in
            let account = try AccountSummary.lock(slug: account, session)
            let project = try ProjectSummary.read(slug: slug, of: account.id, session)
            guard expected == nil || expected == project else {
                throw LedgerError(.superseded, "the project was changed meanwhile")
            }
            try SpendCapChange(session, account.id, .project(project.id)).apply(changes)
            return try ProjectSummary.read(slug: slug, of: account.id, session)
        }
    }

    /// The projects of an account in the order of their slugs.
    package func list(_ account: String) async throws(LedgerError) -> [ProjectSummary] {
        try await database.ledgerRead { session in
            let account = try AccountSummary.read(slug: account, session)
            return try session.execute(
                """
                \(ProjectSummary.query) WHERE projects.account_id = \(account.id) ORDER BY projects.slug
                """
            ).map { try ProjectSummary($0) }
        }
    }
}

package struct ProjectSummary: Hashable, Sendable {
    package let id: ProjectID
    package let slug: String
    package let limits: SpendLimits
    package let currency: Currency
    package let createdAt: Instant

    static let query: SQL = """
        SELECT projects.project_id, projects.slug, projects.created_at, accounts.currency,
            day_limit, month_limit, total_limit
        FROM projects JOIN accounts USING (account_id)
            LEFT JOIN spend_caps ON spend_caps.account_id = projects.account_id
                AND scope_id = projects.project_id
        """

    init(_ row: Row) throws(PostgresError) {
        id = try row.get("project_id")
        slug = try row.get("slug")
        limits = try SpendLimits(row)
        currency = try row.get("currency")
        createdAt = try row.get("created_at")
    }

    static func read(
        slug: String,
        of account: AccountID,
        _ session: Session
    ) throws -> ProjectSummary {
        let rows = try session.execute(
            """
            \(query) WHERE projects.account_id = \(account) AND projects.slug = \(slug)
            """
        )
        guard let row = rows.first else { throw LedgerError(.notFound, "no project \(slug)") }
        return try ProjectSummary(row)
    }
}
