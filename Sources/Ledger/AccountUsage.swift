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

/// The calls that a usage report is about; all of them without any.
package struct UsageFilter: Hashable, Sendable {
    package static let all = UsageFilter()

    /// A project's slug, or its identifier as a report names one that has none.
    package var project: String?
    package var key: KeyID?
    package var model: String?
    package var upstream: String?

    package init(
        project: String? = nil,
        key: KeyID? = nil,
        model: String? = nil,
        upstream: String? = nil
    ) {
        (self.project, self.key, self.model, self.upstream) = (project, key, model, upstream)
    }
}

/// Sums of calls, tokens and cost.
package struct UsageSums: Hashable, Sendable {
    package var calls: Int64 = 0
    /// Calls whose answer did not come, or did not come whole, for a reason of ours or upstream.
    package var failures: Int64 = 0
    /// Prompt tokens that came from no cache, of text, sound and images.
    package var inputTokens: Int64 = 0
    package var cacheReadTokens: Int64 = 0
    package var cacheWriteTokens: Int64 = 0
    package var outputTokens: Int64 = 0
    /// What was paid.
    package var cost = Pico.zero
    package var latencies = LatencySketch()

    /// How many hundredths of the prompts' tokens came from a cache; nil without any prompt.
    package var cacheHitPercent: Int64? {
        let prompt = inputTokens + cacheReadTokens + cacheWriteTokens
        return prompt > 0 ? cacheReadTokens * 100 / prompt : nil
    }
}

/// Usage of an account in a span of time, broken down; never behind the events.
package struct AccountUsage: Hashable, Sendable {
    package struct Row: Hashable, Sendable {
        /// One value for each dimension asked for, in that order.
        ///
        /// Days and months are reckoned in the account's time zone: `2026-11-24`, `2026-11`; an
        /// hour is its beginning in UTC.
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
    ///
    /// On the basis of the projection it reads what is beyond the projection from the events, of
    /// one snapshot, so that both bases always give the same. Gives up at the time limit.
    package func usageReport(
        _ account: AccountID,
        from: Instant? = nil,
        to: Instant? = nil,
        by dimensions: [UsageDimension],
        of filter: UsageFilter = .all,
        basis: UsageReportQuery.Basis = .projection,
        timeLimit: Duration? = nil
    ) async throws(LedgerError) -> AccountUsage {
        let asked = UsageReportQuery(
            account: account,
            from: from,
            to: to,
            filter: filter,
            basis: basis
        )
        let rows = try await database.ledgerSnapshot { session in
            var query = asked
            if basis == .projection, !dimensions.contains(.hour) {
                query.days = try WholeDays(of: account, from: from, to: to, session)
            }
            // The branches of the query want their rows by their keys, whatever the statistics of
            // a new partition say.
            try session.script("SET LOCAL enable_seqscan = off; SET LOCAL jit = off")
            if let timeLimit { try session.limitStatements(to: timeLimit) }
            return try session.execute(query.sql(by: dimensions)).map { row in
                AccountUsage.Row(
                    group: try row.get("groups", as: [String].self),
                    sums: try UsageSums(row)
                )
            }
        }
        var total = UsageSums()
        for row in rows { total += row.sums }
        return AccountUsage(from: from, to: to, dimensions: dimensions, rows: rows, total: total)
    }
}

extension UsageSums {
    fileprivate init(_ row: Row) throws {
        calls = try row.get("calls")
        failures = try row.get("failures")
        inputTokens = try row.get("input_tokens")
        cacheReadTokens = try row.get("cache_read_tokens")
        cacheWriteTokens = try row.get("cache_write_tokens")
        outputTokens = try row.get("output_tokens")
        cost = try row.get("cost")
        guard let sketch = LatencySketch(decimal: try row.get("latency_sketch")) else {
            throw LedgerError(.corrupt, "a sketch of latencies that is no number")
        }
        latencies = sketch
    }

    static func += (left: inout UsageSums, right: UsageSums) {
        left.calls += right.calls
        left.failures += right.failures
        left.inputTokens += right.inputTokens
        left.cacheReadTokens += right.cacheReadTokens
        left.cacheWriteTokens += right.cacheWriteTokens
        left.outputTokens += right.outputTokens
        left.cost += right.cost
        left.latencies += right.latencies
    }
}
