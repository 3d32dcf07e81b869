import Postgres
import Schema

/// Decides which windows of caps a charge has brought near to their limits; a part of an append.
///
/// Crossings of four fifths, so each window is told once, whatever comes after.
struct CapAlerts {
    private let session: Session

    init(_ session: Session) {
        self.session = session
    }

    /// The alerts of what was counted.
    func alerts(of counted: [CountedDay], at now: Instant) throws -> [Alert] {
        let crossed = Self.crossed(by: counted)
        guard !crossed.isEmpty else { return [] }
        return try zip(crossed, read(crossed.map(\.window))).map { sum, row in
            try alert(row, of: sum, at: now)
        }
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

        init(_ counted: CountedDay, _ period: CapPeriod) {
            (account, scope) = (counted.account, counted.scope)
            self.period = period
            startsAt =
                switch period {
                case .day: counted.day.bounds.startsAt
                case .month: counted.day.bounds.monthStartsAt
                case .total: nil
                }
        }
    }

    /// What a window has come to.
    private struct Sum {
        let window: Window
        let limit: Pico
        let before: Pico
        var spent: Pico
    }

    /// Those windows that the charges brought to four fifths; one may have several of the days.
    private static func crossed(by counted: [CountedDay]) -> [Sum] {
        var sums: [Window: Sum] = [:]
        // Nearly all windows are too far from it to be looked at, whichever of the charges are theirs.
        let most = counted.reduce(Pico.zero) { $0 + $1.charged }
        for counted in counted {
            for figures in counted.day.windows
            where crosses(figures.limit, from: figures.spent, to: figures.spent + most) {
                let window = Window(counted, figures.period)
                let before = Sum(
                    window: window,
                    limit: figures.limit,
                    before: figures.spent,
                    spent: figures.spent
                )
                sums[window, default: before].spent += counted.charged
            }
        }
        return sums.values.filter { crosses($0.limit, from: $0.before, to: $0.spent) }
    }

    /// What people call the capped keys and projects of these windows, in their order.
    private func read(_ windows: [Window]) throws -> Rows {
        try session.executePrepared(
            """
            SELECT spend_caps.key_id, accounts.currency,
                coalesce(api_keys.name, projects.slug) AS name
            FROM unnest(\(windows.map(\.account)), \(windows.map(\.scope)))
                WITH ORDINALITY AS wanted (account_id, scope_id, n)
            JOIN spend_caps ON spend_caps.account_id = wanted.account_id
                AND spend_caps.scope_id = wanted.scope_id
            JOIN accounts ON accounts.account_id = wanted.account_id
            LEFT JOIN api_keys ON api_keys.account_id = wanted.account_id
                AND api_keys.key_id = spend_caps.key_id
            LEFT JOIN projects ON projects.account_id = wanted.account_id
                AND projects.project_id = spend_caps.project_id
            ORDER BY wanted.n
            """
        )
    }

    private func alert(_ row: Row, of sum: Sum, at now: Instant) throws -> Alert {
        let isKey = try row.get("key_id", as: KeyID?.self) != nil
        return Alert(
            .capNearlyReached,
            of: sum.window.account,
            at: now,
            data: [
                ("scope", .text(isKey ? "key" : "project")),
                ("id", .text(sum.window.scope.description)),
                ("name", .text(try row.get("name"))),
                ("period", .text(sum.window.period.rawValue)),
                ("currency", .text(try row.get("currency", as: Currency.self).code)),
                ("limit", .text(sum.limit.description)), ("spent", .text(sum.spent.description)),
            ]
        )
    }
}
