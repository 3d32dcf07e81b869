import Postgres
import Schema

/// What a usage report is broken down by.
package enum UsageDimension: String, CaseIterable, Sendable {
    case hour
    case day
    case month
    case project
    case key
    case model
    case upstream
}

/// Sums of calls, tokens and cost.
package struct UsageSums: Hashable, Sendable {
    package var calls: Int64 = 0
    /// Prompt tokens that came from no cache, of text, sound and images.
    package var inputTokens: Int64 = 0
    package var cacheReadTokens: Int64 = 0
    package var cacheWriteTokens: Int64 = 0
    package var outputTokens: Int64 = 0
    /// What was paid.
    package var cost = Pico.zero
}

/// Usage of an account in a span of time, broken down, from the events themselves.
package struct AccountUsage: Hashable, Sendable {
    package struct Row: Hashable, Sendable {
        /// One value for each dimension asked for, in that order.
        ///
        /// Days and months are reckoned in
        /// the account's time zone: `2026-11-24`, `2026-11`; an hour is its beginning in UTC.
        package let group: [String]
        package let sums: UsageSums
    }

    package let from: Instant?
    package let to: Instant?
    package let dimensions: [UsageDimension]
    /// In the order of their groups.
    package let rows: [Row]
    package let total: UsageSums
}

extension EventStore {
    /// Sums up an account's usage with `from` ≤ settled < `to`.
    package func usageReport(
        _ account: AccountID,
        from: Instant? = nil,
        to: Instant? = nil,
        by dimensions: [UsageDimension],
        key: KeyID? = nil
    ) async throws(LedgerError) -> AccountUsage {
        let query = usageQuery(account, from: from, to: to, by: dimensions, key: key)
        let rows = try await database.ledgerRead { session in
            try session.execute(query).map { row in
                AccountUsage.Row(
                    group: try row.get("groups", as: [String].self),
                    sums: UsageSums(
                        calls: try row.get("calls"),
                        inputTokens: try row.get("input_tokens"),
                        cacheReadTokens: try row.get("cache_read_tokens"),
                        cacheWriteTokens: try row.get("cache_write_tokens"),
                        outputTokens: try row.get("output_tokens"),
                        cost: try row.get("cost")
                    )
                )
            }
        }
        var total = UsageSums()
        for row in rows { total += row.sums }
        return AccountUsage(from: from, to: to, dimensions: dimensions, rows: rows, total: total)
    }

    private func usageQuery(
        _ account: AccountID,
        from: Instant?,
        to: Instant?,
        by dimensions: [UsageDimension],
        key: KeyID?
    ) -> SQL {
        let groups = dimensions.map(\.expression).joined(separator: ", ")
        var condition: SQL = "events.account_id = \(account) AND kind = 'usage'"
        if let from { condition = "\(condition) AND occurred_at >= \(from)" }
        if let to { condition = "\(condition) AND occurred_at < \(to)" }
        if let key { condition = "\(condition) AND events.key_id = \(key)" }
        return """
            SELECT ARRAY[\(unescaped: groups)]::text[] AS groups, count(*) AS calls,
                sum(input_tokens::bigint + audio_input_tokens + image_input_tokens)::bigint
                    AS input_tokens,
                sum(cache_read_tokens)::bigint AS cache_read_tokens,
                sum(cache_write_short_tokens::bigint + cache_write_long_tokens)::bigint
                    AS cache_write_tokens,
                sum(output_tokens::bigint + audio_output_tokens)::bigint AS output_tokens,
                -sum(amount_pico) AS cost
            FROM events JOIN accounts USING (account_id)
                LEFT JOIN projects USING (account_id, project_id)
            WHERE \(condition)
            GROUP BY 1 ORDER BY 1
            """
    }
}

extension UsageDimension {
    /// The text of its groups, by the columns of `events`, `accounts` and `projects`.
    fileprivate var expression: String {
        switch self {
        case .hour:
            "to_char(date_trunc('hour', occurred_at AT TIME ZONE 'UTC'), "
                + "'YYYY-MM-DD\"T\"HH24:MI:SS\"Z\"')"
        case .day: "to_char(occurred_at AT TIME ZONE accounts.time_zone, 'YYYY-MM-DD')"
        case .month: "to_char(occurred_at AT TIME ZONE accounts.time_zone, 'YYYY-MM')"
        case .project: "coalesce(projects.slug, project_id::text)"
        case .key: "key_id::text"
        case .model: "model"
        case .upstream: "upstream"
        }
    }
}

extension UsageSums {
    static func += (left: inout UsageSums, right: UsageSums) {
        left.calls += right.calls
        left.inputTokens += right.inputTokens
        left.cacheReadTokens += right.cacheReadTokens
        left.cacheWriteTokens += right.cacheWriteTokens
        left.outputTokens += right.outputTokens
        left.cost += right.cost
    }
}
