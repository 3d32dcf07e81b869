import Ledger
import Postgres
import Schema

/// What calls of one kind came to in a month: a group of the statement projection.
struct UsageRow: Hashable, Sendable {
    let serviceMonth: Month
    let project: ProjectID
    let key: KeyID
    let model: String
    let priceVersion: Int64
    let serviceTier: ServiceTier
    let contextThreshold: Int32
    let calls: Int64
    let tokens: TokenUsage
    let webSearches: Int64
    let charge: Pico

    /// What a row is told apart by.
    static let groups = """
        project_id, key_id, model, price_version, service_tier, context_threshold
        """
    static let counts = """
        input_tokens, cache_read_tokens, cache_write_short_tokens, cache_write_long_tokens, \
        audio_input_tokens, image_input_tokens, output_tokens, audio_output_tokens, web_searches
        """
    private static let countNames = counts.split(separator: ", ").map(String.init)

    /// What a month has, by the projection where it may be, and the events behind it.
    ///
    /// One statement, and so of one snapshot: all usage up to the closing version that occurred
    /// before the month's end, less what stands on the documents of earlier months. While an
    /// earlier month is open, what came late for it is that month's.
    ///
    /// The projection reckons months by the zone: where closed ones were reckoned otherwise, it is
    /// not asked.
    ///
    /// - Parameter earliest: the first month that any of the calls occurred in.
    static func read(
        _ period: DocumentPeriod,
        of account: AccountID,
        from earliest: Month,
        isFirstOpen: Bool,
        fromEvents: Bool,
        _ calendar: MonthCalendar,
        _ session: Session
    ) throws -> [UsageRow] {
        let useProjection = !fromEvents && calendar.isReckoned
        let sums = countNames.map { "sum(\($0))::bigint AS \($0)" }.joined(separator: ", ")
        let negated = countNames.map { "-\($0)" }.joined(separator: ", ")
        let rows = try session.executePrepared(
            """
            WITH live AS (
                SELECT coalesce((SELECT build FROM projections
                    WHERE projection = 'statement' AND state = 'live'), 0) AS build
            ), followed AS (
                SELECT build, coalesce((SELECT version FROM projection_checkpoints
                    WHERE account_id = \(account) AND projection = 'statement'
                        AND projection_checkpoints.build = live.build
                        AND version <= \(period.closingVersion) AND \(useProjection)), 0)
                    AS version
                FROM live
            ), usage AS (
                SELECT service_month, \(unescaped: groups), calls, \(unescaped: counts),
                    charge_pico
                FROM statement_lines, followed
                WHERE account_id = \(account) AND statement_lines.build = followed.build
                    AND followed.version > 0
                    AND service_month BETWEEN \(earliest.firstDay)::date
                        AND \(period.month.firstDay)::date
                UNION ALL
                SELECT \(calendar.firstDay(of: "occurred_at")), \(unescaped: groups), 1,
                    \(unescaped: counts), -amount_pico
                FROM events, followed
                WHERE account_id = \(account) AND kind = 'usage'
                    AND events.version > followed.version
                    AND events.version <= \(period.closingVersion)
                    AND occurred_at < \(period.endsAt)
                UNION ALL
                SELECT service_month, \(unescaped: groups), -calls, \(unescaped: negated),
                    -charge_pico
                FROM period_lines
                WHERE account_id = \(account) AND month < \(period.month.firstDay)::date
                    AND month >= \(earliest.firstDay)::date
                    AND service_month >= \(earliest.firstDay)::date
            )
            SELECT to_char(service_month, 'YYYY-MM') AS service_month, \(unescaped: groups),
                sum(calls)::bigint AS calls, \(unescaped: sums), sum(charge_pico) AS charge
            FROM usage
            WHERE service_month >= \(earliest.firstDay)::date
                AND (\(isFirstOpen) OR service_month = \(period.month.firstDay)::date)
            GROUP BY usage.service_month, \(unescaped: groups)
            HAVING sum(calls) <> 0 OR sum(charge_pico) <> 0
            ORDER BY usage.service_month, \(unescaped: groups)
            """
        )
        return try rows.map { try UsageRow($0) }
    }

    /// What closed months have, of their events and nothing else: by the places of their closes.
    ///
    /// A call is of the first month that ends after it and was closed behind it. Both bounds grow
    /// from close to close, so one statement finds the months of all calls.
    ///
    /// - Parameter wanted: the months whose rows are returned.
    static func read(
        _ closes: [StreamMonths.Closed],
        _ wanted: Set<Month>,
        of account: AccountID,
        _ calendar: MonthCalendar,
        _ session: Session
    ) throws -> [Int: [UsageRow]] {
        let places = closes.indices.filter { wanted.contains(closes[$0].closing.month) }
        guard let last = places.last else { return [:] }
        let sums = countNames.map { "sum(\($0))::bigint AS \($0)" }.joined(separator: ", ")
        let rows = try session.executePrepared(
            """
            WITH usage AS (
                SELECT greatest(width_bucket(version - 1, \(closes.map(\.version))),
                        width_bucket(occurred_at, \(closes.map(\.closing.endsAt)))) AS place,
                    \(calendar.firstDay(of: "occurred_at")) AS service_month,
                    \(unescaped: groups), \(unescaped: counts), -amount_pico AS charge_pico
                FROM events
                WHERE account_id = \(account) AND kind = 'usage'
                    AND version <= \(closes[last].version)
            )
            SELECT place::bigint, to_char(service_month, 'YYYY-MM') AS service_month,
                \(unescaped: groups), count(*) AS calls, \(unescaped: sums),
                sum(charge_pico) AS charge
            FROM usage WHERE place = ANY(\(places.map { Int32($0) }))
            GROUP BY place, usage.service_month, \(unescaped: groups)
            ORDER BY place, usage.service_month, \(unescaped: groups)
            """
        )
        var found: [Int: [UsageRow]] = [:]
        for row in rows {
            found[Int(try row.get("place", as: Int64.self)), default: []].append(try UsageRow(row))
        }
        return found
    }

    /// What came to a period behind a version, of its events.
    static func read(
        _ period: DocumentPeriod,
        of account: AccountID,
        behind version: Int64,
        _ calendar: MonthCalendar,
        _ session: Session
    ) throws -> [UsageRow] {
        let sums = countNames.map { "sum(\($0))::bigint AS \($0)" }.joined(separator: ", ")
        return try session.executePrepared(
            """
            WITH usage AS (
                SELECT \(calendar.firstDay(of: "occurred_at")) AS service_month,
                    \(unescaped: groups), \(unescaped: counts), -amount_pico AS charge_pico
                FROM events
                WHERE account_id = \(account) AND kind = 'usage' AND version > \(version)
                    AND version <= \(period.closingVersion) AND occurred_at < \(period.endsAt)
            )
            SELECT to_char(service_month, 'YYYY-MM') AS service_month, \(unescaped: groups),
                count(*) AS calls, \(unescaped: sums), sum(charge_pico) AS charge
            FROM usage GROUP BY usage.service_month, \(unescaped: groups)
            """
        ).map { try UsageRow($0) }
    }

    /// What was kept of a closed month.
    static func kept(
        _ month: Month,
        of account: AccountID,
        _ session: Session
    ) throws -> [UsageRow] {
        try session.executePrepared(
            """
            SELECT to_char(service_month, 'YYYY-MM') AS service_month, \(unescaped: groups), calls,
                \(unescaped: counts), charge_pico AS charge
            FROM period_lines
            WHERE account_id = \(account) AND month = \(month.firstDay)::date
            """
        ).map { try UsageRow($0) }
    }

    /// Keeps what a closed month was invoiced as; rows of one group are kept as their sum.
    static func insert(
        _ rows: [UsageRow],
        _ month: Month,
        of account: AccountID,
        _ session: Session
    ) throws {
        guard !rows.isEmpty else { return }
        let sums = countNames.map { "sum(\($0))" }.joined(separator: ", ")
        func tokens(_ tokenClass: TokenClass) -> [Int64] { rows.map { $0.tokens[tokenClass] } }
        _ = try session.executePrepared(
            """
            INSERT INTO period_lines (account_id, month, service_month,
                \(unescaped: groups), calls, \(unescaped: counts), charge_pico)
            SELECT \(account), \(month.firstDay)::date, service_month::date,
                \(unescaped: groups), sum(calls), \(unescaped: sums), sum(charge)
            FROM unnest(\(rows.map(\.serviceMonth.firstDay)), \(rows.map(\.project)),
                \(rows.map(\.key)), \(rows.map(\.model)), \(rows.map(\.priceVersion)),
                \(rows.map(\.serviceTier)), \(rows.map(\.contextThreshold)),
                \(rows.map(\.calls)), \(tokens(.input)), \(tokens(.cacheRead)),
                \(tokens(.cacheWriteShort)), \(tokens(.cacheWriteLong)), \(tokens(.audioInput)),
                \(tokens(.imageInput)), \(tokens(.output)), \(tokens(.audioOutput)),
                \(rows.map(\.webSearches)), \(rows.map(\.charge)))
                AS lines (service_month, \(unescaped: groups), calls, \(unescaped: counts), charge)
            GROUP BY service_month, \(unescaped: groups)
            """
        )
    }
}

extension UsageRow {
    /// Reads a row of sums.
    init(_ row: Row) throws {
        serviceMonth = Month(try row.get("service_month", as: String.self)) ?? .first
        project = try row.get("project_id")
        key = try row.get("key_id")
        model = try row.get("model")
        priceVersion = try row.get("price_version")
        serviceTier = try row.get("service_tier")
        contextThreshold = try row.get("context_threshold")
        calls = try row.get("calls")
        webSearches = try row.get("web_searches")
        charge = try row.get("charge")
        var tokens = TokenUsage()
        for tokenClass in TokenClass.allCases {
            tokens[tokenClass] = try row.get("\(tokenClass.rawValue)_tokens")
        }
        self.tokens = tokens
    }
}
