import Postgres
import Schema

/// The statement that sums up an account's usage.
///
/// What the projection has is read by its days, where it has any, and by its quarters of an hour. What
/// it hasn't yet, and what lies in a quarter that `from` or `to` cuts, is read from the events.
package struct UsageReportQuery: Sendable {
    /// What a report is summed up from; the result is the same.
    package enum Basis: Sendable {
        case projection
        case events
    }

    let account: AccountID
    let from: Instant?
    let to: Instant?
    let filter: UsageFilter
    let basis: Basis
    /// What is read by days; nil where nothing is.
    var days: WholeDays?

    func sql(by dimensions: [UsageDimension]) -> SQL {
        let groups = dimensions.map(\.expression).joined(separator: ", ")
        return """
            WITH live AS (\(live)), parts AS (\(parts))
            SELECT ARRAY[\(unescaped: groups)]::text[] AS groups,
                sum(calls)::bigint AS calls, sum(failures)::bigint AS failures,
                sum(input_tokens)::bigint AS input_tokens,
                sum(cache_read_tokens)::bigint AS cache_read_tokens,
                sum(cache_write_tokens)::bigint AS cache_write_tokens,
                sum(output_tokens)::bigint AS output_tokens, sum(cost) AS cost,
                sum(latency_sketch)::text AS latency_sketch
            FROM parts
                CROSS JOIN (SELECT time_zone FROM accounts WHERE account_id = \(account)) AS account
                LEFT JOIN (SELECT project_id, slug FROM projects WHERE account_id = \(account))
                    AS projects USING (project_id)
            GROUP BY 1 ORDER BY 1
            """
    }

    /// The live build, and how far it has followed this account.
    private var live: SQL {
        """
        SELECT build, coalesce((
            SELECT checkpoint.version FROM projection_checkpoints AS checkpoint
            WHERE checkpoint.account_id = \(account) AND checkpoint.build = projections.build
                AND checkpoint.projection = projections.projection), 0) AS version
        FROM projections
        WHERE projection = \(Projection.usage) AND state = 'live'
            AND version = \(Projection.usage.version)
        """
    }

    private var parts: SQL {
        switch basis {
        case .events:
            return events("\(span(from, to))")
        case .projection:
            // OFFSET keeps the span out of the choice of an index: by that of instants all of the
            // span would be read, for the few events that the projection has not.
            let tail = events(
                span(from, to),
                of: """
                    (SELECT * FROM events WHERE account_id = \(account)
                        AND version > coalesce((SELECT version FROM live), 0) OFFSET 0) AS events
                    """
            )
            let kept = sums.dropFirst().reduce(sums[0]) { "\($0) UNION ALL \($1)" }
            guard let edges else { return "\(kept) UNION ALL \(tail)" }
            let cut = events("version <= (SELECT version FROM live) AND (\(edges))")
            return "\(kept) UNION ALL \(tail) UNION ALL \(cut)"
        }
    }

    /// What the projection has: days as a whole, and quarters of an hour before and behind them.
    private var sums: [SQL] {
        guard let days else { return [quarters(wholeFrom, wholeTo)] }
        let lower: SQL = days.from.map { "day >= \($0.day)::date" } ?? "true"
        let upper: SQL = days.to.map { "day < \($0.day)::date" } ?? "true"
        let whole = rows(
            of: "usage_days",
            "day::timestamp AT TIME ZONE (SELECT time_zone FROM accounts WHERE account_id = \(account))",
            "\(lower) AND \(upper)"
        )
        let before = days.from.map { quarters(wholeFrom, $0.startsAt) }
        let behind = days.to.map { quarters($0.startsAt, wholeTo) }
        return [whole] + [before, behind].compactMap(\.self)
    }

    private func quarters(_ from: Instant?, _ to: Instant?) -> SQL {
        rows(of: "usage_quarter_hours", "starts_at", Self.span("starts_at", from, to))
    }

    private func rows(of table: String, _ instant: SQL, _ condition: SQL) -> SQL {
        """
        SELECT \(instant) AS at, project_id, key_id, model, upstream, calls, failures,
            input_tokens + audio_input_tokens + image_input_tokens AS input_tokens,
            cache_read_tokens, cache_write_short_tokens + cache_write_long_tokens
                AS cache_write_tokens,
            output_tokens + audio_output_tokens AS output_tokens, charge_pico AS cost,
            latency_sketch
        FROM \(unescaped: table)
        WHERE account_id = \(account) AND build = (SELECT build FROM live)
            AND \(condition) AND \(chosen)
        """
    }

    private func events(_ condition: SQL, of source: SQL = "events") -> SQL {
        """
        SELECT occurred_at AS at, project_id, key_id, model, upstream, 1::bigint AS calls,
            (outcome NOT IN ('completed', 'client_gone'))::integer::bigint AS failures,
            input_tokens::bigint + audio_input_tokens + image_input_tokens AS input_tokens,
            cache_read_tokens::bigint, cache_write_short_tokens::bigint + cache_write_long_tokens
                AS cache_write_tokens,
            output_tokens::bigint + audio_output_tokens AS output_tokens, -amount_pico AS cost,
            latency_sketch(latency_ms)
        FROM \(source)
        WHERE account_id = \(account) AND kind = 'usage' AND \(chosen) AND \(condition)
        """
    }

    private var chosen: SQL {
        let conditions = [
            filter.key.map { key -> SQL in "key_id = \(key)" },
            filter.model.map { model -> SQL in "model = \(model)" },
            filter.upstream.map { upstream -> SQL in "upstream = \(upstream)" },
            filter.project.map { project -> SQL in
                """
                project_id IN (SELECT project_id FROM projects WHERE account_id = \(account)
                    AND (slug = \(project) OR project_id::text = \(project)))
                """
            },
        ].compactMap(\.self)
        return conditions.reduce("true") { "\($0) AND \($1)" }
    }

    // MARK: Spans

    /// Where the quarters that lie within the span as a whole begin and end.
    private var wholeFrom: Instant? { from?.quarterHour(roundedUp: true) }
    private var wholeTo: Instant? { to?.quarterHour(roundedUp: false) }

    /// What of the span lies outside of whole quarters; nil for nothing.
    private var edges: SQL? {
        if let start = wholeFrom, let end = wholeTo, start >= end { return span(from, to) }
        let spans = [(from, wholeFrom), (wholeTo, to)].compactMap { start, end -> SQL? in
            guard let start, let end, start < end else { return nil }
            return span(start, end)
        }
        guard let first = spans.first else { return nil }
        return spans.dropFirst().reduce(first) { "\($0) OR \($1)" }
    }

    private func span(_ from: Instant?, _ to: Instant?) -> SQL {
        Self.span("occurred_at", from, to)
    }

    private static func span(_ column: String, _ from: Instant?, _ to: Instant?) -> SQL {
        let lower: SQL = from.map { "\(unescaped: column) >= \($0)" } ?? "true"
        let upper: SQL = to.map { "\(unescaped: column) < \($0)" } ?? "true"
        return "(\(lower) AND \(upper))"
    }
}

extension Instant {
    /// The beginning of its quarter of an hour, or of the next one if it lies within.
    fileprivate func quarterHour(roundedUp: Bool) -> Instant {
        let quarter: Int64 = 900_000_000
        let rest = microseconds % quarter
        let start = microseconds - (rest < 0 ? rest + quarter : rest)
        return Instant(microseconds: roundedUp && rest != 0 ? start + quarter : start)
    }
}

extension UsageDimension {
    /// The text of its groups.
    fileprivate var expression: String {
        switch self {
        case .hour:
            "to_char(date_trunc('hour', at AT TIME ZONE 'UTC'), 'YYYY-MM-DD\"T\"HH24:MI:SS\"Z\"')"
        case .day: "to_char(at AT TIME ZONE time_zone, 'YYYY-MM-DD')"
        case .month: "to_char(at AT TIME ZONE time_zone, 'YYYY-MM')"
        case .project: "coalesce(projects.slug, project_id::text)"
        case .key: "key_id::text"
        case .model: "model"
        case .upstream: "upstream"
        }
    }
}
