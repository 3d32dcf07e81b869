import Postgres
import Schema

/// A quarter of an hour in which calls of a key or a project were admitted: all of it lies in the
/// same day.
struct CapMoment: Hashable {
    let account: AccountID
    let scope: Identifier<CapScope>
    let quarter: Instant
}

/// A row of `spend_days`.
struct CapDayKey: Hashable {
    let account: AccountID
    let scope: Identifier<CapScope>
    let startsAt: Instant

    init(_ moment: CapMoment, _ day: SpendDay) {
        (account, scope) = (moment.account, moment.scope)
        startsAt = day.startsAt
    }
}

/// A day of something capped, and what its windows say.
struct CappedDay {
    /// A window that has a limit.
    struct Window {
        let period: CapPeriod
        let limit: Pico
        let spent: Pico
    }

    let bounds: SpendDay
    let windows: [Window]

    fileprivate init(_ row: Row) throws(PostgresError) {
        bounds = try SpendDay(row)
        let limits = try SpendLimits(row)
        var windows: [Window] = []
        for period in CapPeriod.allCases {
            guard let limit = limits[period] else { continue }
            let spent = try row.get(Self.spentColumn(period), as: Pico.self)
            windows.append(Window(period: period, limit: limit, spent: spent))
        }
        self.windows = windows
    }

    private static func spentColumn(_ period: CapPeriod) -> String {
        switch period {
        case .day: "day_spent"
        case .month: "month_spent"
        case .total: "total_spent"
        }
    }
}

/// What an append has counted in one day of a capped key or project.
struct CountedDay {
    let account: AccountID
    let scope: Identifier<CapScope>
    /// As it was before.
    let day: CappedDay
    var charged = Pico.zero

    init(_ moment: CapMoment, _ day: CappedDay) {
        (account, scope) = (moment.account, moment.scope)
        self.day = day
    }
}

/// Finds the days that an append counts in, under the locks of their accounts' heads.
struct CappedDays {
    private let session: Session

    init(_ session: Session) {
        self.session = session
    }

    /// The days of those moments whose scope has a cap; makes the rows of those that have none yet.
    func covering(_ moments: Set<CapMoment>) throws -> [CapMoment: CappedDay] {
        var found = try read(Array(moments))
        let missing = found.compactMap { $0.value == nil ? $0.key : nil }
        if !missing.isEmpty {
            try make(missing)
            found.merge(try read(missing)) { $1 }
        }
        return found.compactMapValues { $0 }
    }

    /// The capped moments; nil for a day that has no row.
    private func read(_ moments: [CapMoment]) throws -> [CapMoment: CappedDay?] {
        // Only windows with a limit are summed up: a month is thirty rows.
        let rows = try session.executePrepared(
            """
            SELECT wanted.n, day_limit, month_limit, total_limit, day.starts_at, day.ends_at,
                day.month_starts_at, day.spent AS day_spent,
                CASE WHEN month_limit IS NOT NULL THEN (
                    SELECT sum(other.spent) FROM spend_days AS other
                    WHERE other.account_id = wanted.account_id
                        AND other.scope_id = wanted.scope_id
                        AND other.starts_at >= day.month_starts_at
                        AND other.month_starts_at = day.month_starts_at
                ) END AS month_spent,
                CASE WHEN total_limit IS NOT NULL THEN (
                    SELECT sum(other.spent) FROM spend_days AS other
                    WHERE other.account_id = wanted.account_id
                        AND other.scope_id = wanted.scope_id
                ) END AS total_spent
            FROM unnest(\(moments.map(\.account)), \(moments.map(\.scope)),
                    \(moments.map(\.quarter))) WITH ORDINALITY AS wanted (account_id, scope_id, at, n)
            JOIN spend_caps ON spend_caps.account_id = wanted.account_id
                AND spend_caps.scope_id = wanted.scope_id
            LEFT JOIN LATERAL (
                SELECT starts_at, ends_at, month_starts_at, spent FROM spend_days
                WHERE spend_days.account_id = wanted.account_id
                    AND spend_days.scope_id = wanted.scope_id
                    AND spend_days.starts_at <= wanted.at
                ORDER BY starts_at DESC LIMIT 1
            ) AS day ON day.ends_at > wanted.at
            """
        )
        var days: [CapMoment: CappedDay?] = [:]
        days.reserveCapacity(rows.count)
        for row in rows {
            let moment = moments[Int(try row.get("n", as: Int64.self)) - 1]
            let isKept = try row.get("starts_at", as: Instant?.self) != nil
            let day: CappedDay? = try isKept ? CappedDay(row) : nil
            days.updateValue(day, forKey: moment)
        }
        return days
    }

    private func make(_ moments: [CapMoment]) throws {
        _ = try session.executePrepared(
            """
            INSERT INTO spend_days (account_id, scope_id, starts_at, ends_at, month_starts_at)
            SELECT DISTINCT wanted.account_id, wanted.scope_id, day.*
            FROM unnest(\(moments.map(\.account)), \(moments.map(\.scope)),
                    \(moments.map(\.quarter))) AS wanted (account_id, scope_id, at)
            JOIN accounts ON accounts.account_id = wanted.account_id
            CROSS JOIN LATERAL spend_day(wanted.at, accounts.time_zone) AS day
            ON CONFLICT DO NOTHING
            """
        )
    }
}
