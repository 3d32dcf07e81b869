import Postgres
import Schema

/// What a cap's windows around one instant say.
package struct CapFigures: Hashable, Sendable {
    /// One window of a cap, at one moment.
    package struct Window: Hashable, Sendable {
        package let period: CapPeriod
        package let limit: Pico
        /// What usage that was admitted in it has taken from the balance.
        package let spent: Pico
        /// What open leases have set aside of it.
        package let escrowed: Pico

        package init(period: CapPeriod, limit: Pico, spent: Pico, escrowed: Pico) {
            self.period = period
            self.limit = limit
            self.spent = spent
            self.escrowed = escrowed
        }

        /// What is neither spent nor set aside; below zero when a limit was lowered.
        package var free: Pico { limit - spent - escrowed }
        /// What would be free with nothing running.
        package var unspent: Pico { limit - spent }
    }

    package let scope: CapScope
    /// The day that the instant lies in, up to `dayEndsAt`, which is the next day's.
    package let dayStartsAt: Instant
    package let dayEndsAt: Instant
    package let monthStartsAt: Instant
    /// Those that have a limit, shortest first.
    package let windows: [Window]

    package init(
        scope: CapScope,
        dayStartsAt: Instant,
        dayEndsAt: Instant,
        monthStartsAt: Instant,
        windows: [Window]
    ) {
        self.scope = scope
        self.dayStartsAt = dayStartsAt
        self.dayEndsAt = dayEndsAt
        self.monthStartsAt = monthStartsAt
        self.windows = windows
    }

    package func contains(_ instant: Instant) -> Bool {
        dayStartsAt <= instant && instant < dayEndsAt
    }

    /// What further leases can have: the least that any of the windows has left.
    package var free: Pico {
        windows.reduce(.balanceMax) { min($0, $1.free.clampedToZero) }
    }

    /// The tightest window that could not cover an amount even with nothing running.
    package func exhausted(by amount: Pico) -> Window? {
        windows.filter { $0.unspent < amount }.min { $0.unspent < $1.unspent }
    }

    /// The window that has least left now.
    package var tightest: Window? { windows.min { $0.free < $1.free } }
}

/// A cap and the instant of a call's admission, which decides its windows.
package struct CapInstant: Hashable, Sendable {
    package let scope: CapScope
    package let at: Instant

    package init(scope: CapScope, at: Instant) {
        self.scope = scope
        self.at = at
    }
}

extension CapFigures {
    /// Reads the figures of caps that exist, in no particular order.
    ///
    /// Under the lock of the account's head they are exact. The day's bounds are those that were
    /// kept when something was first spent or leased in it, or are computed.
    static func read(
        _ wanted: [CapInstant],
        of account: AccountID,
        _ session: Session
    ) throws -> [CapInstant: CapFigures] {
        guard !wanted.isEmpty else { return [:] }
        let rows = try session.executePrepared(
            """
            SELECT wanted.n, day.*, day_limit, month_limit, total_limit, spent.*, escrowed.*
            FROM unnest(\(wanted.map(\.scope.id)), \(wanted.map(\.at))) WITH ORDINALITY
                AS wanted (scope_id, at, n)
            JOIN spend_caps ON spend_caps.account_id = \(account)
                AND spend_caps.scope_id = wanted.scope_id
            JOIN accounts ON accounts.account_id = spend_caps.account_id
            CROSS JOIN LATERAL (\(SpendDay.covering)) AS day
            CROSS JOIN LATERAL (
                SELECT coalesce(sum(spent) FILTER (WHERE starts_at = day.starts_at), 0) AS day_spent,
                    coalesce(sum(spent) FILTER (WHERE month_starts_at = day.month_starts_at), 0)
                        AS month_spent,
                    coalesce(sum(spent), 0) AS total_spent
                FROM spend_days
                WHERE account_id = \(account) AND scope_id = wanted.scope_id
                    AND (total_limit IS NOT NULL OR starts_at >= day.month_starts_at)
            ) AS spent
            CROSS JOIN LATERAL (
                SELECT coalesce(sum(granted - settled)
                        FILTER (WHERE starts_at = day.starts_at), 0) AS day_escrowed,
                    coalesce(sum(granted - settled)
                        FILTER (WHERE month_starts_at = day.month_starts_at), 0) AS month_escrowed,
                    coalesce(sum(granted - settled), 0) AS total_escrowed
                FROM (
                    SELECT account_id, scope_id, day_starts_at, cap_leases.granted,
                        cap_leases.settled
                    FROM leases JOIN cap_leases USING (account_id, lease_id)
                    WHERE account_id = \(account) AND state = 'open'
                        AND scope_id = wanted.scope_id
                ) AS open_leases
                JOIN spend_days USING (account_id, scope_id)
                WHERE starts_at = day_starts_at
            ) AS escrowed
            """
        )
        var found: [CapInstant: CapFigures] = [:]
        for row in rows {
            let asked = wanted[Int(try row.get("n", as: Int64.self)) - 1]
            found[asked] = try CapFigures(row, of: asked.scope)
        }
        return found
    }

    private init(_ row: Row, of scope: CapScope) throws(PostgresError) {
        var windows: [Window] = []
        let limits = try SpendLimits(row)
        for period in CapPeriod.allCases {
            guard let limit = limits[period] else { continue }
            windows.append(
                Window(
                    period: period,
                    limit: limit,
                    spent: try row.get("\(period.rawValue)_spent"),
                    escrowed: try row.get("\(period.rawValue)_escrowed")
                )
            )
        }
        self.init(
            scope: scope,
            dayStartsAt: try row.get("starts_at"),
            dayEndsAt: try row.get("ends_at"),
            monthStartsAt: try row.get("month_starts_at"),
            windows: windows
        )
    }
}
