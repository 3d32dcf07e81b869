import Postgres
import Schema

/// Looks at accounts whose owners want to be told of their usage, each every ten minutes.
///
/// Any number of processes may look at the same time: who marks an account as looked at looks at it,
/// and what was told of it is read and changed under a lock. No head is locked, and usage is read as
/// reports read it, so what is told is never behind the events.
package struct AccountWatch: Sendable {
    package static let lookSeconds: Int64 = 600
    private static let daySeconds: Int64 = 86_400

    private let database: Database

    package init(_ database: Database) {
        self.database = database
    }

    /// Looks at every account that is due; one that cannot be looked at keeps none of the others
    /// waiting.
    ///
    /// - Returns: how many alerts were written.
    /// - Throws: the last failure.
    @discardableResult
    package func look(at now: Instant) async throws(LedgerError) -> Int {
        var count = 0
        var failure: LedgerError?
        while let account = try await next(now) {
            switch await look(at: account, now) {
            case .success(let told): count += told
            case .failure(let error): failure = error
            }
        }
        if let failure { throw failure }
        return count
    }

    /// Marks the account that was not looked at for longest; nil when none is due.
    private func next(_ now: Instant) async throws(LedgerError) -> AccountID? {
        let due = now.adding(seconds: -Self.lookSeconds)
        return try await database.ledgerCommand { session in
            try session.execute(
                """
                UPDATE account_watches SET looked_at = \(now)
                WHERE account_id = (
                    SELECT account_id FROM account_watches WHERE looked_at <= \(due)
                    ORDER BY looked_at LIMIT 1 FOR UPDATE SKIP LOCKED
                )
                RETURNING account_id
                """
            ).first?.get("account_id", as: AccountID.self)
        }
    }

    private func look(at account: AccountID, _ now: Instant) async -> Result<Int, LedgerError> {
        do throws(LedgerError) {
            let told = try await database.ledgerCommand { session in
                try tell(of: Watched.read(account, at: now, session), at: now, session)
            }
            return .success(told)
        } catch {
            return .failure(error)
        }
    }

    private func tell(
        of watched: Watched,
        at now: Instant,
        _ session: Session
    ) throws -> Int {
        try session.script("SET LOCAL enable_seqscan = off; SET LOCAL jit = off")
        var told = watched.told
        var alerts: [Alert] = []
        if watched.alerts.runwayDays != nil || watched.alerts.anomalyPercent != nil {
            let spending = SpendingAlerts(figures: try figures(watched, now, session))
            alerts += spending.findings(watched.alerts, told: &told)
                .map { watched.alert($0, at: now) }
        }
        if let days = watched.alerts.unusedDays {
            alerts += try UnusedKeyAlerts(session)
                .alerts(of: watched.account, unusedFor: days, at: now)
        }
        try AlertOutbox(session).write(alerts)
        try watched.note(told, session)
        return alerts.count
    }

    private func figures(
        _ watched: Watched,
        _ now: Instant,
        _ session: Session
    ) throws -> SpendingAlerts.Figures {
        // A day more, for the first of them has begun before, wherever the account is.
        let first = now.adding(seconds: -(SpendingAlerts.usualDays + 2) * Self.daySeconds)
        let days = try costs(of: watched.account, from: first, to: now, by: [.day], session)
        let weekAgo = now.adding(seconds: -7 * Self.daySeconds)
        let week = try costs(of: watched.account, from: weekAgo, to: now, by: [], session)
        return SpendingAlerts.Figures(
            spendable: watched.head.spendable,
            week: week.reduce(.zero) { $0 + $1.cost },
            today: watched.today,
            days: days.reduce(into: [:]) { costs, day in
                guard let date = CalendarDate(day.group.first ?? "") else { return }
                costs[date, default: .zero] += day.cost
            }
        )
    }

    private func costs(
        of account: AccountID,
        from: Instant,
        to: Instant,
        by dimensions: [UsageDimension],
        _ session: Session
    ) throws -> [(group: [String], cost: Pico)] {
        let query = UsageReportQuery(
            account: account,
            from: from,
            to: to,
            filter: .all,
            basis: .projection
        )
        return try session.execute(query.sql(by: dimensions)).map { row in
            (try row.get("groups", as: [String].self), try row.get("cost", as: Pico.self))
        }
    }
}

/// An account that is being looked at.
private struct Watched {
    let account: AccountID
    let alerts: AccountAlerts
    let told: SpendingAlerts.Told
    let head: HeadSummary
    let currency: Currency
    let today: CalendarDate

    static func read(_ id: AccountID, at now: Instant, _ session: Session) throws -> Watched {
        let row = try session.execute(
            """
            SELECT \(HeadSummary.columns), accounts.currency, runway_told,
                anomaly_told_on - date '1970-01-01' AS told_day,
                (\(now)::timestamptz AT TIME ZONE time_zone)::date - date '1970-01-01' AS today
            FROM account_watches JOIN accounts USING (account_id)
                JOIN account_heads USING (account_id)
            WHERE account_id = \(id) FOR UPDATE OF account_watches
            """
        ).single()
        return try Watched(row, session)
    }

    private init(_ row: Row, _ session: Session) throws {
        account = try row.get("account_id")
        alerts = try AccountAlerts.read(account, session)
        head = try HeadSummary(row)
        currency = try row.get("currency")
        today = CalendarDate(daysSince1970: Int64(try row.get("today", as: Int32.self)))
        told = SpendingAlerts.Told(
            isRunwayShort: try row.get("runway_told"),
            anomalyOn: try row.get("told_day", as: Int32?.self).map {
                CalendarDate(daysSince1970: Int64($0))
            }
        )
    }

    func note(_ told: SpendingAlerts.Told, _ session: Session) throws {
        let day = told.anomalyOn.map { Int32($0.daysSince1970) }
        _ = try session.execute(
            """
            UPDATE account_watches SET runway_told = \(told.isRunwayShort),
                anomaly_told_on = date '1970-01-01' + \(day)::integer
            WHERE account_id = \(account)
            """
        )
    }

    func alert(_ finding: SpendingAlerts.Finding, at now: Instant) -> Alert {
        let currency = ("currency", JSONNode.text(currency.code))
        switch finding {
        case .shortRunway(let days, let week):
            return Alert(
                .runwayShort,
                of: account,
                at: now,
                data: [
                    currency, ("balance", .text(head.balance.description)),
                    ("credit_limit", .text(head.creditLimit.description)),
                    ("last_seven_days", .text(week.description)), ("runway_days", .integer(days)),
                    ("threshold_days", .integer(alerts.runwayDays ?? 0)),
                ]
            )
        case .anomaly(let day, let spent, let usual):
            return Alert(
                .spendAnomaly,
                of: account,
                at: now,
                data: [
                    currency, ("day", .text(day.description)), ("spent", .text(spent.description)),
                    ("usual", .text(usual.description)),
                    ("threshold_percent", .integer(alerts.anomalyPercent ?? 0)),
                ]
            )
        }
    }
}
