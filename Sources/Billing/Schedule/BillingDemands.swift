import Ledger
import Postgres
import Schema

/// Finds what accounts have for the clock to do, without a lock.
struct BillingDemands {
    let session: Session

    /// All that may be due at an instant; the schedule decides what is.
    func find(
        _ work: BillingSchedule.Work,
        _ settings: BillingSchedule.Settings,
        at now: Instant
    ) throws -> [BillingSchedule.Demand] {
        guard settings.includes(work) else { return [] }
        switch work {
        case .checkpoints: return try checkpoints()
        case .months:
            let seconds = (settings.closeAfterHours ?? 0) * 3_600
            return try months(endedBy: now.adding(seconds: -seconds))
        case .receipts: return try receipts()
        }
    }

    private func checkpoints() throws -> [BillingSchedule.Demand] {
        try session.execute(
            """
            SELECT account_id, slug,
                heads.version - coalesce(checkpoints.version, 0) AS events_behind
            FROM account_heads AS heads JOIN accounts USING (account_id)
                LEFT JOIN period_checkpoints AS checkpoints USING (account_id)
            WHERE heads.version - coalesce(checkpoints.version, 0)
                >= \(PeriodStore.eventsPerCheckpoint)
            """
        ).map { row in
            try demand(row, .checkpoint(eventsBehind: row.get("events_behind")))
        }
    }

    /// The first open months of accounts that have billing details.
    ///
    /// What could not have ended by then in any zone is left out before ends are reckoned, which
    /// is what takes time.
    private func months(endedBy instant: Instant) throws -> [BillingSchedule.Demand] {
        try session.execute(
            """
            WITH open AS MATERIALIZED (
                SELECT account_id, slug, time_zone, coalesce(
                    (SELECT max(month) + interval '1 month' FROM periods
                        WHERE periods.account_id = accounts.account_id),
                    (SELECT date_trunc('month', occurred_at AT TIME ZONE time_zone) FROM events
                        WHERE events.account_id = accounts.account_id AND version = 1)) AS month
                FROM accounts
                WHERE EXISTS (SELECT FROM billing_profiles AS profiles
                    WHERE profiles.account_id = accounts.account_id)
            )
            SELECT account_id, slug, to_char(month, 'YYYY-MM') AS month,
                first_instant((month + interval '1 month')::date, time_zone) AS ends_at
            FROM open
            WHERE month + interval '1 month'
                <= \(instant)::timestamptz AT TIME ZONE 'UTC' + interval '1 day'
            """
        ).map { row in
            guard let month = Month(try row.get("month", as: String.self)) else {
                throw LedgerError(.corrupt, "an account's first open month is none")
            }
            return try demand(row, .month(month, endsAt: row.get("ends_at")))
        }
    }

    private func receipts() throws -> [BillingSchedule.Demand] {
        try session.execute(
            """
            SELECT account_id, slug FROM accounts
            WHERE \(PaidGrant.accountLacksReceipt)
            """
        ).map { try demand($0, .receipts) }
    }

    private func demand(
        _ row: Row,
        _ content: BillingSchedule.Demand.Content
    ) throws -> BillingSchedule.Demand {
        BillingSchedule.Demand(
            account: try row.get("account_id"),
            slug: try row.get("slug"),
            content: content
        )
    }
}
