import Postgres
import Schema

/// Decides which windows of caps a charge has brought near to their limits; a part of an append.
///
/// Crossings of four fifths, so each window is told once, whatever comes after.
struct CapAlerts {
    /// What an append has counted in one day of a capped key or project.
    struct Counted: Hashable {
        let account: AccountID
        let scope: Identifier<CapScope>
        let day: SpendDay
    }

    private let session: Session

    init(_ session: Session) {
        self.session = session
    }

    /// The alerts of what was counted, which has been added to the days already.
    func alerts(of counted: [Counted: Pico], at now: Instant) throws -> [Alert] {
        guard !counted.isEmpty else { return [] }
        let places = Array(counted.keys)
        var alerts: [Alert] = []
        var told: Set<Window> = []
        for (place, row) in try read(places) {
            let limits = try SpendLimits(row)
            for period in CapPeriod.allCases {
                let window = Window(place, period)
                guard let limit = limits[period], told.insert(window).inserted else { continue }
                let spent = try row.get("\(period.rawValue)_spent", as: Pico.self)
                let charge = counted.reduce(Pico.zero) { sum, part in
                    Window(part.key, period) == window ? sum + part.value : sum
                }
                guard Self.crosses(limit, from: spent - charge, to: spent) else { continue }
                alerts.append(
                    try alert(row, of: place.account, period, limit, spent: spent, at: now)
                )
            }
        }
        return alerts
    }

    static func crosses(_ limit: Pico, from before: Pico, to after: Pico) -> Bool {
        let threshold = Pico(limit.units - limit.units / 5)
        return before < threshold && after >= threshold
    }

    /// What charges are summed up in.
    private struct Window: Hashable {
        let account: AccountID
        let scope: Identifier<CapScope>
        let period: CapPeriod
        /// Nil for all of time.
        let startsAt: Instant?

        init(_ counted: Counted, _ period: CapPeriod) {
            (account, scope) = (counted.account, counted.scope)
            self.period = period
            startsAt =
                switch period {
                case .day: counted.day.startsAt
                case .month: counted.day.monthStartsAt
                case .total: nil
                }
        }
    }

    private func read(_ places: [Counted]) throws -> [(Counted, Row)] {
        let rows = try session.executePrepared(
            """
            SELECT wanted.n, spend_caps.key_id, day_limit, month_limit, total_limit, spent.*,
                accounts.currency, coalesce(api_keys.name, projects.slug) AS name,
                coalesce(spend_caps.key_id, spend_caps.project_id) AS scope_id
            FROM unnest(\(places.map(\.account)), \(places.map(\.scope)),
                    \(places.map(\.day.startsAt)), \(places.map(\.day.monthStartsAt)))
                WITH ORDINALITY AS wanted (account_id, scope_id, starts_at, month_starts_at, n)
            JOIN spend_caps ON spend_caps.account_id = wanted.account_id
                AND spend_caps.scope_id = wanted.scope_id
            JOIN accounts ON accounts.account_id = wanted.account_id
            LEFT JOIN api_keys ON api_keys.account_id = wanted.account_id
                AND api_keys.key_id = spend_caps.key_id
            LEFT JOIN projects ON projects.account_id = wanted.account_id
                AND projects.project_id = spend_caps.project_id
            CROSS JOIN LATERAL (
                SELECT coalesce(sum(spent) FILTER (WHERE starts_at = wanted.starts_at), 0)
                        AS day_spent,
                    coalesce(sum(spent) FILTER (WHERE month_starts_at = wanted.month_starts_at), 0)
                        AS month_spent,
                    coalesce(sum(spent), 0) AS total_spent
                FROM spend_days
                WHERE account_id = wanted.account_id AND scope_id = wanted.scope_id
                    AND (total_limit IS NOT NULL OR starts_at >= wanted.month_starts_at)
            ) AS spent
            ORDER BY wanted.n
            """
        )
        return try rows.map { (places[Int(try $0.get("n", as: Int64.self)) - 1], $0) }
    }

    private func alert(
        _ row: Row,
        of account: AccountID,
        _ period: CapPeriod,
        _ limit: Pico,
        spent: Pico,
        at now: Instant
    ) throws -> Alert {
        let isKey = try row.get("key_id", as: KeyID?.self) != nil
        return Alert(
            .capNearlyReached,
            of: account,
            at: now,
            data: [
                ("scope", .text(isKey ? "key" : "project")),
                ("id", .text(try row.get("scope_id", as: Identifier<CapScope>.self).description)),
                ("name", .text(try row.get("name"))), ("period", .text(period.rawValue)),
                ("currency", .text(try row.get("currency", as: Currency.self).code)),
                ("limit", .text(limit.description)), ("spent", .text(spent.description)),
            ]
        )
    }
}
