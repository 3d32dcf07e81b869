import Postgres
import Schema

/// A view of the streams that follows behind them and can be dropped and rebuilt.
package enum Projection: String, CaseIterable, Sendable, PostgresRepresentable {
    /// Sums by quarter of an hour, project, key, model and upstream: what reports are made of.
    case usage
    /// Sums by service month, period, project, key, model, upstream and price term: what
    /// invoices are made of.
    case statement

    /// The version of the rules by which its rows are made, raised with every change of them.
    package var version: Int32 {
        switch self {
        case .usage: 2
        case .statement: 1
        }
    }

    var table: ProjectionTable {
        switch self {
        case .usage: .usageQuarterHours
        case .statement: .statementLines
        }
    }

    /// Coarser sums of long streams, where it has some.
    var summary: ProjectionTable? { self == .usage ? .usageDays : nil }

    /// All that a build of it has rows in.
    var tables: [ProjectionTable] { [table] + (summary.map { [$0] } ?? []) }
}

/// How the rows of a projection are made of events: groups, and a sum of each column.
///
/// The expressions read one usage event and `time_zone`, its account's. What is added to a row is
/// what the same expressions give for the new events, so a row is the same whichever way the
/// events were cut into batches.
struct ProjectionTable: Sendable {
    struct Column: Sendable {
        let name: String
        let expression: String

        init(_ name: String, _ expression: String? = nil) {
            self.name = name
            self.expression = expression ?? name
        }
    }

    let name: String
    /// What its primary key has behind `account_id` and `build`.
    let groups: [Column]
    let sums: [Column]

    /// Adds the usage among the rows of `picked` to a build.
    ///
    /// In the order of the accounts, so that neighbours in the index are written together.
    ///
    /// - Parameter isFirst: these are the first events of their streams, of which the build has no
    ///   row yet: nothing has to be looked for.
    func insert(into build: Int32, isFirst: Bool) -> SQL {
        let keys = ["account_id", "build"] + groups.map(\.name)
        let columns = (keys + sums.map(\.name)).joined(separator: ", ")
        let grouping = groups.map(\.expression)
        let values = sums.map(\.expression).joined(separator: ", ")
        let additions = sums.map { "\($0.name) = present.\($0.name) + excluded.\($0.name)" }
        let groupNumbers = (3..<(3 + groups.count)).map { String($0) }
        let whenPresent: SQL =
            isFirst
            ? ""
            : """
            ON CONFLICT (\(unescaped: keys.joined(separator: ", "))) DO UPDATE SET
                \(unescaped: additions.joined(separator: ", "))
            """
        return """
            INSERT INTO \(unescaped: name) AS present (\(unescaped: columns))
            SELECT account_id, \(build)::integer,
                \(unescaped: grouping.joined(separator: ", ")), \(unescaped: values)
            FROM picked WHERE kind = 'usage'
            GROUP BY account_id, \(unescaped: groupNumbers.joined(separator: ", "))
            ORDER BY account_id
            \(whenPresent)
            """
    }
}

extension ProjectionTable {
    static let usageQuarterHours = ProjectionTable(
        name: "usage_quarter_hours",
        groups: [
            Column("starts_at", "date_bin('15 minutes', occurred_at, '2000-01-01 00:00:00Z')"),
            Column("project_id"), Column("key_id"), Column("model"), Column("upstream"),
            Column("upstream_cost_currency", "coalesce(upstream_cost_currency, 'XXX')"),
        ],
        sums: commonSums + [
            Column("upstream_cost_pico", "coalesce(sum(upstream_cost_pico), 0)"),
            Column("latency_ms", "sum(latency_ms)"),
            Column("first_bytes", "count(first_byte_ms)"),
            Column("first_byte_ms", "coalesce(sum(first_byte_ms), 0)"),
            Column("latency_sketch", "sum(latency_sketch(latency_ms))"),
        ]
    )

    static let usageDays = ProjectionTable(
        name: "usage_days",
        groups: [
            Column("day", "(occurred_at AT TIME ZONE time_zone)::date"), Column("project_id"),
            Column("key_id"), Column("model"), Column("upstream"),
        ],
        sums: commonSums + [Column("latency_sketch", "sum(latency_sketch(latency_ms))")]
    )

    /// How many events make a stream long: from then on it has rows in its projection's summary.
    static let longStream: Int64 = 5_000

    /// Every line stands in the open period: which of them a closed month took is decided long after
    /// they were summed up, and kept beside them (`period_lines`).
    static let statementLines = ProjectionTable(
        name: "statement_lines",
        groups: [
            Column(
                "service_month",
                "date_trunc('month', occurred_at AT TIME ZONE time_zone)::date"
            ),
            Column("closed_by", "0::bigint"),
            Column("project_id"), Column("key_id"), Column("model"), Column("upstream"),
            Column("price_version"), Column("service_tier"), Column("context_threshold"),
        ],
        sums: commonSums
    )

    private static let commonSums =
        [
            Column("calls", "count(*)"),
            Column(
                "failures",
                "count(*) FILTER (WHERE outcome NOT IN ('completed', 'client_gone'))"
            ),
        ]
        + [
            "input_tokens", "cache_read_tokens", "cache_write_short_tokens",
            "cache_write_long_tokens", "audio_input_tokens", "image_input_tokens",
            "output_tokens", "audio_output_tokens", "reasoning_tokens", "web_searches",
        ].map { Column($0, "sum(\($0))") }
        + [
            Column("charge_pico", "-sum(amount_pico)"), Column("excess_pico", "sum(excess_pico)"),
        ]
}
