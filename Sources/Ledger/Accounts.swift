import Digest
import Postgres
import Schema

/// Makes, lists, suspends and resumes accounts.
package struct Accounts: Sendable {
    /// The project that every account begins with.
    package static let defaultProject = "default"

    private let database: Database

    package init(_ database: Database) {
        self.database = database
    }

    /// What an account is made of.
    package struct Creation: Hashable, Sendable {
        package var slug: String
        /// What people call it; the slug when nil.
        package var name: String?
        package var currency = Currency.usd
        /// A name of the IANA time zone database, in which months are reckoned.
        package var timeZone = "UTC"
        /// Zero or above.
        package var creditLimit = Pico.zero
        /// What it pays by, of the same currency; nil for the price list.
        package var plan: String?

        package init(slug: String) {
            self.slug = slug
        }
    }

    /// Makes an account with a head, the project `default` and, if any, its credit limit.
    ///
    /// - Throws: `.invalid`; `.conflict` when the slug is taken, or the key came with another
    ///   account before.
    package func create(
        _ creation: Creation,
        at instant: Instant,
        idempotencyKey: String? = nil
    ) async throws(LedgerError) -> AccountSummary {
        guard Slug.isValid(creation.slug) else { throw Slug.error("account") }
        guard (Pico.zero ... .balanceMax).contains(creation.creditLimit) else {
            throw LedgerError(.invalid, "the credit limit is out of bounds")
        }
        guard creation.currency.isCurrent else {
            throw LedgerError(.invalid, "ISO 4217 has no currency \(creation.currency)")
        }
        let idempotency = IdempotentCommand(
            "account create",
            key: idempotencyKey,
            content: [
                creation.slug, creation.name ?? creation.slug, creation.currency.code,
                creation.timeZone, creation.creditLimit.description,
            ] + (creation.plan.map { [$0] } ?? [])
        )
        let account = AccountID.make(at: instant)
        let project = ProjectID.make(at: instant)
        let limitEvent = Event(
            account: account,
            id: .make(at: instant),
            occurredAt: instant,
            body: .creditLimitSet(CreditLimitSet(limit: creation.creditLimit))
        )
        return try await database.ledgerCommand { session in
            try requireTimeZone(creation.timeZone, session)
            try requirePlan(creation.plan, creation.currency, session)
            let inserted = try session.execute(
                """
                INSERT INTO accounts (account_id, slug, name, currency, time_zone, plan)
                VALUES (\(account), \(creation.slug), \(creation.name ?? creation.slug),
                    \(creation.currency), \(creation.timeZone), \(creation.plan))
                ON CONFLICT (slug) DO NOTHING
                """
            )
            if inserted.affectedCount == 0 {
                let existing = try AccountSummary.read(slug: creation.slug, session)
                // Its own earlier attempt, whose answer was lost, or a repeat of the command.
                let isKnown = try idempotency.recorded(for: existing.id, session) != nil
                guard existing.id == account || isKnown else {
                    throw LedgerError(.conflict, "the account \(creation.slug) exists already")
                }
                return existing
            }
            _ = try session.execute(
                "INSERT INTO account_heads (account_id) VALUES (\(account))"
            )
            _ = try session.execute(
                """
                INSERT INTO projects (account_id, project_id, slug)
                VALUES (\(account), \(project), \(Self.defaultProject))
                """
            )
            if creation.creditLimit > .zero {
                _ = try AppendTransaction(session).runOne(limitEvent)
            }
            try idempotency.record(UUIDBytes(account), for: account, session)
            return try AccountSummary.read(slug: creation.slug, session)
        }
    }

    /// All accounts in the order of their slugs.
    package func list() async throws(LedgerError) -> [AccountSummary] {
        try await database.ledgerRead { session in
            try session.execute(
                "\(AccountSummary.query) ORDER BY accounts.slug"
            ).map { try AccountSummary($0) }
        }
    }

    /// Some accounts in the order of their slugs.
    ///
    /// - Parameters:
    ///   - text: what must stand in the slug or the name, whatever its case; nil for anything.
    ///   - slug: only those behind it.
    package func list(
        matching text: String?,
        after slug: String?,
        limit: Int
    ) async throws(LedgerError) -> [AccountSummary] {
        try await database.ledgerRead { session in
            try session.execute(
                """
                \(AccountSummary.query)
                WHERE accounts.slug > coalesce(\(slug), '')
                    AND (\(text)::text IS NULL
                        OR strpos(lower(accounts.slug || ' ' || accounts.name), lower(\(text))) > 0)
                ORDER BY accounts.slug LIMIT \(Int64(limit))
                """
            ).map { try AccountSummary($0) }
        }
    }

    /// One account; throws `.notFound`.
    package func show(_ slug: String) async throws(LedgerError) -> AccountSummary {
        try await database.ledgerRead { session in
            try AccountSummary.read(slug: slug, session)
        }
    }

    /// Stops admission; running calls still settle.
    ///
    /// Repeating changes nothing.
    package func suspend(_ slug: String) async throws(LedgerError) -> AccountSummary {
        try await setStatus(.suspended, of: slug)
    }

    /// Allows admission again.
    package func resume(_ slug: String) async throws(LedgerError) -> AccountSummary {
        try await setStatus(.active, of: slug)
    }

    /// Lets an account pay by a plan of its currency from now on, or with nil by the price list.
    ///
    /// Calls that were admitted keep their prices.
    ///
    /// - Throws: `.notFound`; `.invalid` when there is no such plan in the account's currency.
    package func setPlan(
        _ plan: String?,
        of slug: String
    ) async throws(LedgerError) -> AccountSummary {
        try await database.ledgerCommand { session in
            let account = try AccountSummary.read(slug: slug, session)
            try requirePlan(plan, account.currency, session)
            _ = try session.execute(
                """
                UPDATE accounts SET plan = \(plan)
                WHERE account_id = \(account.id) AND plan IS DISTINCT FROM \(plan)
                """
            )
            return try AccountSummary.read(slug: slug, session)
        }
    }

    private func setStatus(
        _ status: AccountSummary.Status,
        of slug: String
    ) async throws(LedgerError) -> AccountSummary {
        try await database.ledgerCommand { session in
            let account = try AccountSummary.read(slug: slug, session)
            _ = try session.execute(
                """
                UPDATE account_heads SET status = \(status) WHERE account_id = \(account.id)
                """
            )
            return try AccountSummary.read(slug: slug, session)
        }
    }
}

/// An account and its figures at one version of its stream.
package struct AccountSummary: Hashable, Sendable {
    package enum Status: String, CaseIterable, Sendable {
        case active
        case suspended
    }

    package let id: AccountID
    package let slug: String
    package let name: String
    package let currency: Currency
    package var timeZone: String
    package let status: Status
    /// What it pays by; nil for the price list.
    package let plan: String?
    package let head: HeadSummary

    package var version: Int64 { head.version }
    package var balance: Pico { head.balance }
    /// What leases have set aside or a withdrawal keeps back.
    package var held: Pico { head.escrowed + head.reserved }
    /// What further leases can have.
    package var available: Pico { head.available }
    package var creditLimit: Pico { head.creditLimit }

    static let query: SQL = """
        SELECT \(HeadSummary.columns), accounts.slug, accounts.name, accounts.currency,
            accounts.time_zone, accounts.plan
        FROM accounts JOIN account_heads USING (account_id)
        """

    init(_ row: Row) throws(PostgresError) {
        id = try row.get("account_id")
        slug = try row.get("slug")
        name = try row.get("name")
        currency = try row.get("currency")
        timeZone = try row.get("time_zone")
        status = try row.get("status")
        plan = try row.get("plan")
        head = try HeadSummary(row)
    }

    package static func read(slug: String, _ session: Session) throws -> AccountSummary {
        let rows = try session.execute("\(query) WHERE accounts.slug = \(slug)")
        guard let row = rows.first else { throw LedgerError(.notFound, "no account \(slug)") }
        return try AccountSummary(row)
    }

    /// Reads an account and locks its head until the commit.
    package static func lock(slug: String, _ session: Session) throws -> AccountSummary {
        _ = try session.executePrepared(
            """
            SELECT FROM account_heads
            WHERE account_id = (SELECT account_id FROM accounts WHERE slug = \(slug)) FOR UPDATE
            """
        )
        // By another statement: what was read before the lock may be older than it.
        return try read(slug: slug, session)
    }
}

extension AccountSummary.Status: PostgresRepresentable {}

private func requirePlan(_ plan: String?, _ currency: Currency, _ session: Session) throws {
    guard let plan else { return }
    let rows = try session.execute(
        "SELECT FROM plans WHERE plan = \(plan) AND currency = \(currency)"
    )
    guard !rows.isEmpty else { throw LedgerError(.invalid, "no plan \(plan) in \(currency)") }
}

/// The server's other names are none of a place: the directories `posix` and `right` (with leap
/// seconds) repeat all zones, and `localtime` is whatever a machine is set to.
private func requireTimeZone(_ name: String, _ session: Session) throws {
    let rows = try session.execute(
        """
        SELECT FROM pg_timezone_names
        WHERE name = \(name) AND name !~ '^(posix|right)/' AND name <> 'localtime' LIMIT 1
        """
    )
    guard !rows.isEmpty else { throw LedgerError(.invalid, "no time zone \(name)") }
}
