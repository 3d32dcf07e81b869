import Postgres
import Schema

/// One batch of a build inside of a transaction: rows and checkpoints move together or not at all.
///
/// It locks checkpoints, never an account's head, so that no append or lease waits for it.
struct ProjectionBatch {
    private let build: ProjectionBuild
    private let session: Session

    /// Where the streams of the batch stood, once that is known.
    private(set) var after: [AccountID: Int64] = [:]

    init(_ build: ProjectionBuild, _ session: Session) {
        self.build = build
        self.session = session
    }

    /// What a batch came to.
    enum Outcome: Sendable {
        /// Where each stream stands now, without those that another projector has locked.
        case moved([AccountID: Int64])
        /// The build is not followed any more, and nothing was done.
        case superseded
    }

    /// Takes in the streams up to their targets, at most `streamMax` events of each.
    mutating func run(_ targets: [ProjectionTarget], streamMax: Int64) throws -> Outcome {
        // Every row is wanted by its key; see `AppendTransaction`. Losing the last commits with the
        // server loses rows and checkpoint together, so none has to wait for the disk.
        try session.script(
            """
            SET LOCAL enable_hashjoin = off; SET LOCAL enable_mergejoin = off;
            SET LOCAL enable_seqscan = off; SET LOCAL enable_bitmapscan = off;
            SET LOCAL jit = off; SET LOCAL work_mem = '64MB'; SET LOCAL synchronous_commit = off
            """
        )
        guard try isFollowed() else { return .superseded }
        let known = try selectCheckpoints(targets.map(\.account))
        let new = try makeCheckpoints(
            targets.filter { known[$0.account] == nil }
                .map { Step(account: $0.account, after: 0, through: min($0.through, streamMax)) }
        )
        let old = targets.compactMap { target in
            known[target.account].map { after in
                Step(
                    account: target.account,
                    after: after,
                    through: after + min(max(target.through - after, 0), streamMax)
                )
            }
        }
        let steps = new + old
        for step in steps { after[step.account] = step.after }
        try take(in: steps.filter { $0.after == 0 }, areFirst: true)
        try take(in: steps.filter { $0.after > 0 }, areFirst: false)
        try summarize(steps)
        try moveCheckpoints(old.filter { !$0.isEmpty })
        return .moved(
            Dictionary(steps.map { ($0.account, $0.through) }, uniquingKeysWith: max)
        )
    }

    /// A stream, where it stands, and how far this batch takes it.
    private struct Step {
        let account: AccountID
        let after: Int64
        let through: Int64

        var isEmpty: Bool { after == through }
    }

    /// Keeps the build from being swapped or retired until the commit.
    private func isFollowed() throws -> Bool {
        let rows = try session.executePrepared(
            """
            SELECT FROM projections
            WHERE projection = \(build.projection) AND build = \(build.number)
                AND state <> 'retired'
            FOR SHARE
            """
        )
        return !rows.isEmpty
    }

    /// Makes checkpoints for streams that had none, where this batch leaves them.
    ///
    /// They are seen with its rows or not at all. Returns those that no other projector has made.
    private func makeCheckpoints(_ steps: [Step]) throws -> [Step] {
        guard !steps.isEmpty else { return [] }
        let ordered = steps.sorted { $0.account < $1.account }
        let made = try session.executePrepared(
            """
            INSERT INTO projection_checkpoints (account_id, projection, build, version)
            SELECT unnest(\(ordered.map(\.account))), \(build.projection), \(build.number),
                unnest(\(ordered.map(\.through)))
            ON CONFLICT DO NOTHING
            RETURNING account_id
            """
        )
        let accounts = Set(try made.map { try $0.get("account_id", as: AccountID.self) })
        return ordered.filter { accounts.contains($0.account) }
    }

    /// Locks what no other projector has; one that waits here would only do the other's work.
    private func selectCheckpoints(_ accounts: [AccountID]) throws -> [AccountID: Int64] {
        let rows = try session.executePrepared(
            """
            SELECT account_id, version FROM projection_checkpoints
            WHERE account_id = ANY(\(accounts)) AND projection = \(build.projection)
                AND build = \(build.number)
            ORDER BY account_id FOR UPDATE SKIP LOCKED
            """
        )
        var versions: [AccountID: Int64] = [:]
        versions.reserveCapacity(rows.count)
        for row in rows { versions[try row.get("account_id")] = try row.get("version") }
        return versions
    }

    /// Takes events in, and throws unless they were all that should be there.
    private func take(in steps: [Step], areFirst: Bool) throws {
        let steps = steps.filter { !$0.isEmpty }
        guard !steps.isEmpty else { return }
        let found = try sumUp(steps, into: build.projection.table, areFirst: areFirst)
        for step in steps {
            let (count, last) = found[step.account] ?? (0, step.after)
            guard last == step.through, count == step.through - step.after else {
                let end = try version(of: step.account)
                if end < step.through { throw LostTail(account: step.account, through: end) }
                throw StreamGap(
                    account: step.account,
                    reason: "versions \(step.after + 1) to \(step.through) should be"
                        + " \(step.through - step.after) events, and are \(count)"
                )
            }
        }
    }

    /// Takes long streams into the projection's summary.
    ///
    /// One that has just become long is taken in from its first event on. So whether a stream has a
    /// summary is told by where its checkpoint stands.
    private func summarize(_ steps: [Step]) throws {
        let bound = ProjectionTable.longStream
        guard let summary = build.projection.summary else { return }
        let long = steps.filter { $0.through >= bound && !$0.isEmpty }
        let new = long.filter { $0.after < bound }.map {
            Step(account: $0.account, after: 0, through: $0.through)
        }
        if !new.isEmpty { _ = try sumUp(new, into: summary, areFirst: true) }
        let old = long.filter { $0.after >= bound }
        if !old.isEmpty { _ = try sumUp(old, into: summary, areFirst: false) }
    }

    /// Reads, sums up and writes in one statement, and so of one snapshot; the count and the last
    /// version of what it read.
    private func sumUp(
        _ steps: [Step],
        into table: ProjectionTable,
        areFirst: Bool
    ) throws -> [AccountID: (count: Int64, last: Int64)] {
        // OFFSET keeps the inner query from being flattened into another join order.
        let rows = try session.executePrepared(
            """
            WITH batch AS MATERIALIZED (
                SELECT steps.*, accounts.time_zone
                FROM unnest(\(steps.map(\.account)), \(steps.map(\.after)),
                        \(steps.map(\.through))) AS steps (account_id, after, through)
                    JOIN accounts USING (account_id)
            ), picked AS MATERIALIZED (
                SELECT found.*, batch.time_zone
                FROM batch CROSS JOIN LATERAL (
                    SELECT account_id, version, kind, occurred_at, project_id, key_id, model,
                        upstream, upstream_cost_currency, price_version, service_tier,
                        context_threshold, outcome, input_tokens, cache_read_tokens,
                        cache_write_short_tokens, cache_write_long_tokens, audio_input_tokens,
                        image_input_tokens, output_tokens, audio_output_tokens, reasoning_tokens,
                        web_searches, amount_pico, excess_pico, upstream_cost_pico, latency_ms,
                        first_byte_ms
                    FROM events
                    WHERE events.account_id = batch.account_id AND events.version > batch.after
                        AND events.version <= batch.through
                    OFFSET 0
                ) AS found
            ), written AS (
                \(table.insert(into: build.number, isFirst: areFirst))
            )
            SELECT account_id, count(*) AS count, max(version) AS last FROM picked
            GROUP BY account_id
            """
        )
        var found: [AccountID: (count: Int64, last: Int64)] = [:]
        found.reserveCapacity(rows.count)
        for row in rows {
            found[try row.get("account_id")] = (try row.get("count"), try row.get("last"))
        }
        return found
    }

    /// Where a stream ends.
    private func version(of account: AccountID) throws -> Int64 {
        try session.execute(
            "SELECT version FROM account_heads WHERE account_id = \(account)"
        ).first?.get("version") ?? 0
    }

    private func moveCheckpoints(_ steps: [Step]) throws {
        guard !steps.isEmpty else { return }
        let rows = try session.executePrepared(
            """
            UPDATE projection_checkpoints AS checkpoint
            SET version = steps.through, stopped_at = NULL, stop_reason = NULL
            FROM unnest(\(steps.map(\.account)), \(steps.map(\.after)), \(steps.map(\.through)))
                AS steps (account_id, after, through)
            WHERE checkpoint.account_id = steps.account_id
                AND checkpoint.projection = \(build.projection)
                AND checkpoint.build = \(build.number) AND checkpoint.version = steps.after
            """
        )
        guard rows.affectedCount == steps.count else {
            throw LedgerError(.corrupt, "a checkpoint moved while it was locked")
        }
    }
}

/// A stream ends before a version that it once had.
struct LostTail: Error {
    let account: AccountID
    let through: Int64
}

/// Events that should be in a stream are not there.
struct StreamGap: Error {
    let account: AccountID
    let reason: String
}
