import Ledger
import Postgres
import Schema

/// Everything that an account's document of a month is made of, read from the database.
struct MonthFacts {
    let account: AccountSummary
    let period: DocumentPeriod
    let month: OpenMonth
    /// What else is asked for: what nothing covered of chargebacks and corrections.
    let debts: [UnaskedDebts.Debt]
    let opening: Pico
    let creditLimit: Pico
    let rows: [UsageRow]
    let lines: [DocumentLine]
    let keyNames: [KeyID: (name: String, project: String)]
    let grantReferences: [GrantID: String]

    /// - Parameters:
    ///   - read: the month's usage as far as it was read before.
    ///   - remade: the usage of a closed month, where it was read from events alone.
    init(
        _ account: AccountSummary,
        _ bounds: MonthCalendar.Bounds,
        _ fold: PeriodFold,
        _ calendar: MonthCalendar,
        _ prices: PriceMemory,
        read: ReadUsage? = nil,
        remade: [UsageRow]? = nil,
        _ session: Session
    ) throws {
        self.account = account
        let period = DocumentPeriod(
            month: bounds.month,
            startsAt: bounds.startsAt,
            endsAt: bounds.endsAt,
            closingVersion: fold.version
        )
        self.period = period
        month = fold.month(bounds.month)
        debts = fold.debts(of: bounds.month)
        opening = fold.openingBalance(of: bounds.month)
        creditLimit = fold.burnDown.creditLimit
        rows = try Self.rows(
            period,
            account,
            month,
            remade ?? read?.rows(for: period, of: account.id, calendar, session),
            isFirstOpen: fold.firstOpen == bounds.month,
            isRemade: remade != nil,
            calendar,
            session
        )
        let projects = try rows.isEmpty ? [:] : Self.projects(of: account.id, session)
        keyNames = try rows.isEmpty ? [:] : Self.keys(of: account.id, projects, session)
        grantReferences =
            try month.covered.isEmpty && debts.isEmpty
            ? [:] : Self.references(of: account.id, session)
        let editions = try prices.editions(Set(rows.map(\.priceVersion)), session)
        lines =
            UsageLines(rows, month: bounds.month, projects: projects) { version, model in
                editions[version]?.terms(for: model)
            }.lines
    }

    /// The groups of usage, which must come to what the stream's own fold came to: those that are
    /// known already, else of the projection, else of the events; of a month that is remade only the
    /// first, for the others rest on what was kept.
    private static func rows(
        _ period: DocumentPeriod,
        _ account: AccountSummary,
        _ month: OpenMonth,
        _ known: [UsageRow]?,
        isFirstOpen: Bool,
        isRemade: Bool,
        _ calendar: MonthCalendar,
        _ session: Session
    ) throws -> [UsageRow] {
        func areRight(_ rows: [UsageRow]) -> Bool {
            rows.reduce(Pico.zero) { $0 + $1.charge } == month.usage
                && rows.reduce(0) { $0 + $1.calls } == month.calls
        }
        if let known, areRight(known) { return known }
        for fromEvents in isRemade ? [] : [false, true] {
            let rows = try UsageRow.read(
                period,
                of: account.id,
                from: month.earliest,
                isFirstOpen: isFirstOpen,
                fromEvents: fromEvents,
                calendar,
                session
            )
            if areRight(rows) { return rows }
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
        for row in try session.executePrepared(
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
        for row in try session.executePrepared(
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
        for row in try session.executePrepared(
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
