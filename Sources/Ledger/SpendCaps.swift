import Postgres
import Schema

/// Sets the spend caps of keys and projects, and reads how far they are used.
package struct SpendCaps: Sendable {
    private let database: Database

    package init(_ database: Database) {
        self.database = database
    }

    /// The figures of the caps among `scopes`, in their order, for a call admitted at `instant`.
    package func figures(
        _ scopes: [CapScope],
        of account: AccountID,
        at instant: Instant
    ) async throws(LedgerError) -> [CapFigures] {
        let wanted = scopes.map { CapInstant(scope: $0, at: instant) }
        return try await database.ledgerRead { session in
            let found = try CapFigures.read(wanted, of: account, session)
            return wanted.compactMap { found[$0] }
        }
    }
}

/// Sets limits of one scope inside of a command's transaction.
///
/// A scope that is capped for the first time has a past: its spending so far is summed up once,
/// without a lock up to the version that the stream has then, and under the head's lock from there.
struct SpendCapChange {
    private let session: Session
    private let account: AccountID
    private let scope: CapScope

    init(_ session: Session, _ account: AccountID, _ scope: CapScope) {
        self.session = session
        self.account = account
        self.scope = scope
    }

    /// Applies the changes.
    ///
    /// With `isNew` the scope is made by this very transaction, and has no past.
    func apply(_ changes: SpendLimitChanges, isNew: Bool = false) throws {
        guard changes.areValid else {
            throw LedgerError(.invalid, "a cap is zero or above, and within bounds")
        }
        guard !changes.limits.isEmpty else { return }
        if try insert() { try beginCounting(isNew: isNew) }
        var limits = try read()
        for (period, limit) in changes.limits { limits[period] = limit }
        _ = try session.execute(
            """
            UPDATE spend_caps SET day_limit = \(limits.day), month_limit = \(limits.month),
                total_limit = \(limits.total)
            WHERE account_id = \(account) AND scope_id = \(scope.id)
            """
        )
    }

    /// Whether the scope has had no cap before; others that set it wait for this transaction.
    private func insert() throws -> Bool {
        let (key, project): (KeyID?, ProjectID?) =
            switch scope {
            case .key(let key): (key, nil)
            case .project(let project): (nil, project)
            }
        return try session.execute(
            """
            INSERT INTO spend_caps (account_id, key_id, project_id)
            VALUES (\(account), \(key), \(project)) ON CONFLICT DO NOTHING
            """
        ).affectedCount == 1
    }

    private func read() throws -> SpendLimits {
        let row = try session.execute(
            """
            SELECT day_limit, month_limit, total_limit FROM spend_caps
            WHERE account_id = \(account) AND scope_id = \(scope.id) FOR NO KEY UPDATE
            """
        ).single()
        return try SpendLimits(row)
    }

    private func beginCounting(isNew: Bool) throws {
        var version: Int64 = 0
        if !isNew {
            version = try session.execute(
                "SELECT version FROM account_heads WHERE account_id = \(account)"
            ).single().get("version")
            try sum(after: 0, upTo: version)
        }
        // From here on every append to the account counts this scope.
        let head = try session.execute(
            """
            UPDATE account_heads SET has_caps = true WHERE account_id = \(account)
            RETURNING version
            """
        ).single().get("version", as: Int64.self)
        if !isNew { try sum(after: version, upTo: head) }
    }

    /// Adds up what the scope has spent in a part of the stream, day by day.
    private func sum(after first: Int64, upTo last: Int64) throws {
        guard first < last else { return }
        let column: SQL =
            switch scope {
            case .key: "key_id"
            case .project: "project_id"
            }
        _ = try session.execute(
            """
            WITH RECURSIVE usage AS MATERIALIZED (
                SELECT date_bin('15 minutes', admitted_at, 'epoch') AS quarter,
                    -sum(amount_pico) AS amount
                FROM events
                WHERE account_id = \(account) AND version > \(first) AND version <= \(last)
                    AND \(column) = \(scope.id) AND amount_pico < 0
                GROUP BY quarter
            ), days AS (
                SELECT day.* FROM accounts, LATERAL spend_day(
                    (SELECT min(quarter) FROM usage), time_zone) AS day
                WHERE account_id = \(account) AND day.starts_at IS NOT NULL
                UNION ALL
                SELECT day.* FROM days, accounts, LATERAL spend_day(days.ends_at, time_zone) AS day
                WHERE account_id = \(account)
                    AND days.ends_at <= (SELECT max(quarter) FROM usage)
            )
            INSERT INTO spend_days
                (account_id, scope_id, starts_at, ends_at, month_starts_at, spent)
            SELECT \(account), \(scope.id), starts_at, ends_at, month_starts_at, sum(amount)
            FROM days JOIN usage ON quarter >= starts_at AND quarter < ends_at
            GROUP BY starts_at, ends_at, month_starts_at
            ON CONFLICT (account_id, scope_id, starts_at)
                DO UPDATE SET spent = spend_days.spent + excluded.spent
            """
        )
    }
}

extension SpendLimits {
    /// Reads `day_limit`, `month_limit` and `total_limit`, which an outer join may leave out.
    init(_ row: Row) throws(PostgresError) {
        self.init(
            day: try row.get("day_limit"),
            month: try row.get("month_limit"),
            total: try row.get("total_limit")
        )
    }
}
