import Postgres
import Schema

/// What a projection has and what the events say that it should have.
package struct ProjectionComparison: Hashable, Sendable {
    /// Differences beyond these are counted, not kept.
    package static let differencesMax = 1_000

    package struct Difference: Hashable, Sendable {
        package let account: AccountID
        /// The row's key, as the database writes it; nil when it is the account as a whole.
        package let row: String?
        package let message: String
    }

    package let projection: Projection
    package fileprivate(set) var accounts: Int64 = 0
    package fileprivate(set) var rows: Int64 = 0
    package fileprivate(set) var differences: [Difference] = []
    package fileprivate(set) var differenceCount = 0

    package var isEqual: Bool { differenceCount == 0 }

    fileprivate mutating func add(_ more: [Difference]) {
        differenceCount += more.count
        differences += more.prefix(Self.differencesMax - differences.count)
    }
}

extension ProjectionRebuild {
    /// Accounts that are compared in one transaction.
    private static let chunkMax = 200

    /// Builds aside and compares with the live build, byte for byte, at the same version of every
    /// stream.
    ///
    /// Projectors wait for a chunk of accounts while it is compared; appends do not.
    package func check() async throws(LedgerError) -> ProjectionComparison {
        let projection = projection
        let (live, aside) = try await database.ledgerTransaction { session in
            let builds = try ProjectionBuild.all(of: projection, session)
            guard let live = builds.first(where: { $0.state == .live }) else {
                throw LedgerError(.notFound, "\(projection.rawValue) has no live build")
            }
            guard live.version == projection.version else {
                throw LedgerError(
                    .refused,
                    "the live build of \(projection.rawValue) has version \(live.version), this"
                        + " program makes version \(projection.version): rebuild it"
                )
            }
            // What an earlier check has left would be compared with itself.
            for build in builds where build.state == .checking {
                try ProjectionBuild.retire(projection, build.number, session)
            }
            return (live, try ProjectionBuild.begin(projection, .checking, session))
        }
        try await catchUp(aside)
        let comparison = try await compare(live, aside)
        try await database.ledgerTransaction { session in
            try ProjectionBuild.retire(projection, aside.number, session)
        }
        try await deleteRetired()
        return comparison
    }

    private func compare(
        _ live: ProjectionBuild,
        _ aside: ProjectionBuild
    ) async throws(LedgerError) -> ProjectionComparison {
        var comparison = ProjectionComparison(projection: projection)
        var last = AccountID(high: 0, low: 0)
        while true {
            let start = last
            let chunk: Chunk
            do {
                chunk = try await database.transaction { session in
                    try ChunkComparison(live: live, aside: aside, session: session)
                        .run(behind: start, limit: Self.chunkMax)
                }
            } catch {
                throw LedgerError(error)
            }
            comparison.accounts += Int64(chunk.accounts.count)
            comparison.rows += chunk.rows
            comparison.add(chunk.differences)
            progress(.compared(projection, accounts: comparison.accounts))
            guard let end = chunk.accounts.last else { return comparison }
            last = end
        }
    }
}

/// What was compared of some accounts.
private struct Chunk: Sendable {
    var accounts: [AccountID] = []
    var rows: Int64 = 0
    var differences: [ProjectionComparison.Difference] = []
}

/// Compares two builds of some accounts inside of a transaction that keeps both where they are.
private struct ChunkComparison {
    let live: ProjectionBuild
    let aside: ProjectionBuild
    let session: Session

    func run(behind start: AccountID, limit: Int) throws -> Chunk {
        let standing = try session.execute(
            """
            SELECT account_id, version FROM projection_checkpoints
            WHERE projection = \(live.projection) AND build = \(live.number)
                AND account_id > \(start)
            ORDER BY account_id LIMIT \(limit) FOR UPDATE
            """
        ).map { row in
            ProjectionTarget(
                account: try row.get("account_id"),
                through: try row.get("version"),
                count: 0
            )
        }
        var chunk = Chunk()
        chunk.accounts = standing.map(\.account)
        guard !standing.isEmpty else { return chunk }
        guard try isCurrent() else {
            throw LedgerError(.conflict, "\(live.projection.rawValue) was rebuilt meanwhile")
        }
        // What came since the build aside caught up.
        var batch = ProjectionBatch(aside, session)
        var moved: [AccountID: Int64] = [:]
        if case .moved(let versions) = try batch.run(standing, streamMax: .max) { moved = versions }
        for target in standing where moved[target.account] != target.through {
            let stands = moved[target.account].map { String($0) } ?? "nowhere"
            chunk.differences.append(
                ProjectionComparison.Difference(
                    account: target.account,
                    row: nil,
                    message: "it has followed to version \(target.through), the rebuilt one"
                        + " stands at \(stands)"
                )
            )
        }
        for table in live.projection.tables {
            chunk.rows += try session.execute(
                """
                SELECT count(*) AS count FROM \(unescaped: table.name)
                WHERE build = \(live.number) AND account_id = ANY(\(chunk.accounts))
                """
            ).single().get("count", as: Int64.self)
            chunk.differences += try differences(chunk.accounts, in: table)
        }
        return chunk
    }

    private func isCurrent() throws -> Bool {
        let rows = try session.execute(
            """
            SELECT FROM projections WHERE projection = \(live.projection)
                AND build = \(live.number) AND state = 'live' FOR SHARE
            """
        )
        return !rows.isEmpty
    }

    /// Rows that only one build has, or whose text differs.
    private func differences(
        _ accounts: [AccountID],
        in table: ProjectionTable
    ) throws -> [ProjectionComparison.Difference] {
        try session.execute(
            """
            WITH live AS (\(rows(of: live, table, accounts))),
                rebuilt AS (\(rows(of: aside, table, accounts)))
            SELECT account_id, key,
                CASE WHEN live.columns IS NULL THEN 'it is missing'
                    WHEN rebuilt.columns IS NULL THEN 'no event makes it'
                    ELSE (SELECT string_agg(format('%s is %s, the events make it %s', name, value,
                            rebuilt.columns->>name), '; ' ORDER BY name)
                        FROM jsonb_each_text(live.columns) AS column_of(name, value)
                        WHERE value IS DISTINCT FROM rebuilt.columns->>name)
                END AS message
            FROM live FULL JOIN rebuilt USING (account_id, key)
            WHERE live.columns::text IS DISTINCT FROM rebuilt.columns::text
            ORDER BY account_id, key
            """
        ).map { row in
            ProjectionComparison.Difference(
                account: try row.get("account_id"),
                row: try row.get("key"),
                message: try row.get("message")
            )
        }
    }

    private func rows(
        of build: ProjectionBuild,
        _ table: ProjectionTable,
        _ accounts: [AccountID]
    ) -> SQL {
        let groups = table.groups.map { "made.\($0.name)" }.joined(separator: ", ")
        return """
            SELECT account_id, ROW(\(unescaped: groups))::text AS key,
                to_jsonb(made) - 'build' AS columns
            FROM \(unescaped: table.name) AS made
            WHERE build = \(build.number) AND account_id = ANY(\(accounts))
            """
    }
}
