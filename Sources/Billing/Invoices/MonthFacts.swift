import Ledger
import Postgres
import Schema

/// Everything that an account's document of a month is made of, read from the database.
struct MonthFacts {
    let account: AccountSummary
    let period: DocumentPeriod
    let month: OpenMonth
    let opening: Pico
    let creditLimit: Pico
    let rows: [UsageRow]
    let lines: [DocumentLine]
    let keyNames: [KeyID: (name: String, project: String)]
    let grantReferences: [GrantID: String]

    /// - Parameter closed: the month as it was closed, to read it from its events alone.
    init(
        _ account: AccountSummary,
        _ bounds: MonthCalendar.Bounds,
        _ fold: PeriodFold,
        _ prices: PriceMemory,
        closed: ClosedPeriod? = nil,
        _ session: Session
    ) throws {
        self.account = account
        period = DocumentPeriod(
            month: bounds.month,
            startsAt: bounds.startsAt,
            endsAt: bounds.endsAt,
            closingVersion: fold.version
        )
        month = fold.month(bounds.month)
        opening = fold.openingBalance(of: bounds.month)
        creditLimit = fold.burnDown.creditLimit
        rows = try Self.rows(
            period,
            account,
            month,
            closed,
            isFirstOpen: fold.firstOpen == bounds.month,
            session
        )
        let projects = try Self.projects(of: account.id, session)
        keyNames = try Self.keys(of: account.id, projects, session)
        grantReferences = try Self.references(of: account.id, session)
        let editions = try prices.editions(Set(rows.map(\.priceVersion)), session)
        lines =
            UsageLines(rows, month: bounds.month, projects: projects) { version, model in
                editions[version]?.terms(for: model)
            }.lines
    }

    /// The groups of usage, which must come to what the stream's own fold came to.
    private static func rows(
        _ period: DocumentPeriod,
        _ account: AccountSummary,
        _ month: OpenMonth,
        _ closed: ClosedPeriod?,
        isFirstOpen: Bool,
        _ session: Session
    ) throws -> [UsageRow] {
        for fromEvents in closed == nil ? [false, true] : [true] {
            let rows =
                if let closed {
                    try UsageRow.read(closed, session)
                } else {
                    try UsageRow.read(
                        period,
                        of: account.id,
                        isFirstOpen: isFirstOpen,
                        fromEvents: fromEvents,
                        session
                    )
                }
            let charge = rows.reduce(Pico.zero) { $0 + $1.charge }
            let calls = rows.reduce(0) { $0 + $1.calls }
            if charge == month.usage, calls == month.calls { return rows }
        }
        throw LedgerError(
            .corrupt,
            "the usage of \(account.slug) in \(period.month) does not come to"
                + " \(month.usage) in \(month.calls) calls"
        )
    }

    static func projects(
        of account: AccountID,
        _ session: Session
    ) throws -> [ProjectID: String] {
        var slugs: [ProjectID: String] = [:]
        for row in try session.execute(
            "SELECT project_id, slug FROM projects WHERE account_id = \(account)"
        ) {
            slugs[try row.get("project_id")] = try row.get("slug")
        }
        return slugs
    }

    static func keys(
        of account: AccountID,
        _ projects: [ProjectID: String],
        _ session: Session
    ) throws -> [KeyID: (name: String, project: String)] {
        var keys: [KeyID: (name: String, project: String)] = [:]
        for row in try session.execute(
            "SELECT key_id, project_id, name FROM api_keys WHERE account_id = \(account)"
        ) {
            let project = try row.get("project_id", as: ProjectID.self)
            keys[try row.get("key_id")] = (try row.get("name"), projects[project] ?? "")
        }
        return keys
    }

    private static func references(
        of account: AccountID,
        _ session: Session
    ) throws -> [GrantID: String] {
        var references: [GrantID: String] = [:]
        for row in try session.execute(
            """
            SELECT grant_id, reference FROM grants
            WHERE account_id = \(account) AND reference IS NOT NULL
            """
        ) {
            references[try row.get("grant_id")] = try row.get("reference")
        }
        return references
    }
}
