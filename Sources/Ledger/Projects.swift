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
            return made
        }
    }

    /// The projects of an account in the order of their slugs.
    package func list(_ account: String) async throws(LedgerError) -> [ProjectSummary] {
        try await database.ledgerRead { session in
            let account = try AccountSummary.read(slug: account, session)
            return try session.execute(
                """
                SELECT project_id, slug, created_at FROM projects
                WHERE account_id = \(account.id) ORDER BY slug
                """
            ).map { try ProjectSummary($0) }
        }
    }
}

package struct ProjectSummary: Hashable, Sendable {
    package let id: ProjectID
    package let slug: String
    package let createdAt: Instant

    init(_ row: Row) throws(PostgresError) {
        id = try row.get("project_id")
        slug = try row.get("slug")
        createdAt = try row.get("created_at")
    }

    static func read(
        slug: String,
        of account: AccountID,
        _ session: Session
    ) throws -> ProjectSummary {
        let rows = try session.execute(
            """
            SELECT project_id, slug, created_at FROM projects
            WHERE account_id = \(account) AND slug = \(slug)
            """
        )
        guard let row = rows.first else { throw LedgerError(.notFound, "no project \(slug)") }
        return try ProjectSummary(row)
    }
}
