import Postgres
import Schema

/// Of what an account's owner wants to be told; nil for each that he does not.
package struct AccountAlerts: Hashable, Sendable {
    /// Below which balance and credit limit together are low.
    package var lowBalance: Pico?
    /// For how many days the balance should last.
    package var runwayDays: Int64?
    /// How many hundredths of its weekday's usual cost a day may cost.
    package var anomalyPercent: Int64?
    /// For how many days a key may be unused.
    package var unusedDays: Int64?

    package static let daysBounds: ClosedRange<Int64> = 1...365
    package static let percentBounds: ClosedRange<Int64> = 101...10_000

    package init() {}
}

/// What of it is to change; those that are missing stay, and nil inside takes an alert away.
package struct AccountAlertChanges: Hashable, Sendable {
    package var lowBalance: Pico??
    package var runwayDays: Int64??
    package var anomalyPercent: Int64??
    package var unusedDays: Int64??

    package init() {}

    fileprivate func requireValid() throws(LedgerError) {
        if let lowBalance, !(Pico.zero ... .balanceMax).contains(lowBalance ?? .zero) {
            throw LedgerError(.invalid, "a threshold is zero or above, and within bounds")
        }
        for case .some(let days?) in [runwayDays, unusedDays]
        where !AccountAlerts.daysBounds.contains(days) {
            throw LedgerError(.invalid, "days are 1 to 365")
        }
        if case .some(let percent?) = anomalyPercent,
            !AccountAlerts.percentBounds.contains(percent)
        {
            throw LedgerError(.invalid, "a percentage is 101 to 10000")
        }
    }
}

/// Sets and reads of what accounts' owners want to be told.
package struct AlertSettings: Sendable {
    private let database: Database

    package init(_ database: Database) {
        self.database = database
    }

    /// Changes what an account's owner is told of; what is the case already is told at once, or
    /// with the next look at the account.
    ///
    /// - Parameter expected: what the caller has seen; `.superseded` when it is not so any more.
    /// - Throws: `.notFound`; `.invalid` for a number out of its bounds.
    package func change(
        _ changes: AccountAlertChanges,
        of slug: String,
        at instant: Instant,
        ifUnchanged expected: AccountAlerts? = nil
    ) async throws(LedgerError) {
        try changes.requireValid()
        try await database.ledgerCommand { session in
            let account = try AccountSummary.lock(slug: slug, session)
            var alerts = try AccountAlerts.read(account.id, session)
            guard expected == nil || expected == alerts else {
                throw LedgerError(.superseded, "the alerts were changed meanwhile")
            }
            if let lowBalance = changes.lowBalance, lowBalance != alerts.lowBalance {
                try Self.setLowBalance(lowBalance, of: account, at: instant, session)
            }
            if let days = changes.runwayDays { alerts.runwayDays = days }
            if let percent = changes.anomalyPercent { alerts.anomalyPercent = percent }
            if let days = changes.unusedDays { alerts.unusedDays = days }
            try alerts.writeWatched(of: account.id, session)
        }
    }

    package func alerts(of slug: String) async throws(LedgerError) -> AccountAlerts {
        try await database.ledgerRead { session in
            try AccountAlerts.read(AccountSummary.read(slug: slug, session).id, session)
        }
    }

    private static func setLowBalance(
        _ threshold: Pico?,
        of account: AccountSummary,
        at instant: Instant,
        _ session: Session
    ) throws {
        _ = try session.execute(
            """
            UPDATE account_heads SET low_balance = \(threshold) WHERE account_id = \(account.id)
            """
        )
        guard let threshold, account.head.spendable < threshold else { return }
        let alert = BalanceAlerts(lowBalance: threshold).alert(
            .balanceLow,
            of: account.id,
            account.head,
            account.currency,
            at: instant
        )
        try AlertOutbox(session).write([alert])
    }
}

extension AccountAlerts {
    static func read(_ account: AccountID, _ session: Session) throws -> AccountAlerts {
        let row = try session.execute(
            """
            SELECT low_balance, runway_days, anomaly_percent, unused_days
            FROM account_heads LEFT JOIN account_alerts USING (account_id)
            WHERE account_id = \(account)
            """
        ).single()
        var alerts = AccountAlerts()
        alerts.lowBalance = try row.get("low_balance")
        alerts.runwayDays = try row.get("runway_days", as: Int32?.self).map(Int64.init)
        alerts.anomalyPercent = try row.get("anomaly_percent", as: Int32?.self).map(Int64.init)
        alerts.unusedDays = try row.get("unused_days", as: Int32?.self).map(Int64.init)
        return alerts
    }

    /// Writes what is watched for, and has the account looked at soon.
    fileprivate func writeWatched(of account: AccountID, _ session: Session) throws {
        let numbers = [runwayDays, anomalyPercent, unusedDays].map { $0.map { Int32($0) } }
        _ = try session.execute(
            """
            INSERT INTO account_alerts (account_id, runway_days, anomaly_percent, unused_days)
            VALUES (\(account), \(numbers[0]), \(numbers[1]), \(numbers[2]))
            ON CONFLICT (account_id) DO UPDATE SET runway_days = excluded.runway_days,
                anomaly_percent = excluded.anomaly_percent, unused_days = excluded.unused_days
            """
        )
        _ = try session.execute(
            """
            INSERT INTO account_watches (account_id, looked_at) VALUES (\(account), 'epoch')
            ON CONFLICT (account_id) DO UPDATE SET looked_at = 'epoch'
            """
        )
    }
}
