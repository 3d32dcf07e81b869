import Postgres
import Schema

/// Makes a projection anew from the events, to use it or to compare it.
package struct ProjectionRebuild: Sendable {
    package let projection: Projection
    let database: Database
    let progress: @Sendable (Progress) -> Void

    package init(
        _ projection: Projection,
        _ database: Database,
        progress: @escaping @Sendable (Progress) -> Void = { _ in }
    ) {
        self.projection = projection
        self.database = database
        self.progress = progress
    }

    /// How far it has come.
    package enum Progress: Hashable, Sendable {
        case behind(Projection, events: Int64)
        case compared(Projection, accounts: Int64)
    }

    /// What a rebuild came to.
    package struct Result: Hashable, Sendable {
        package let build: Int32
        /// Events that the new build has taken in.
        package let events: Int64
        /// Streams that it could not take in to the end.
        package let stoppedStreams: Int64
    }

    /// Builds aside and puts the new build into the live one's place.
    ///
    /// Readers and projectors go on with the old one meanwhile. A rebuild that dies leaves its
    /// work to the next one, or to a running instance, which finishes it.
    package func run() async throws(LedgerError) -> Result {
        let projection = projection
        let build = try await database.ledgerTransaction { session in
            try ProjectionBuild.begin(projection, .building, session)
        }
        try await catchUp(build)
        // False when a running instance has put it there already.
        _ = try await database.ledgerTransaction { try build.goLive($0) }
        let (events, stopped) = try await database.ledgerRead { session in
            let row = try session.execute(
                """
                SELECT coalesce(sum(version), 0)::bigint AS events, count(stopped_at) AS stopped
                FROM projection_checkpoints
                WHERE projection = \(projection) AND build = \(build.number)
                """
            ).single()
            return (
                try row.get("events", as: Int64.self), try row.get("stopped", as: Int64.self)
            )
        }
        try await deleteRetired()
        return Result(build: build.number, events: events, stoppedStreams: stopped)
    }

    /// Takes everything in; what the database refuses is retried or stopped as ever.
    func catchUp(_ build: ProjectionBuild) async throws(LedgerError) {
        var follower = ProjectionFollower(build, database)
        let (projection, progress) = (projection, progress)
        let isCurrent = try await follower.catchUp { events in
            progress(.behind(projection, events: events))
        }
        guard !isCurrent else { return }
        // Replaced under our hands: fine if it has gone live, as by a running instance.
        let state = try await database.ledgerRead { session in
            try ProjectionBuild.all(of: projection, session)
                .first { $0.number == build.number }?.state
        }
        guard state == .live else {
            throw LedgerError(.conflict, "another rebuild of \(projection.rawValue) came between")
        }
    }

    /// Deletes what was replaced, some accounts at a time.
    func deleteRetired() async throws(LedgerError) {
        let projection = projection
        let retired = try await database.ledgerRead { session in
            try ProjectionBuild.all(of: projection, session).filter { $0.state == .retired }
        }
        for build in retired {
            // Another process may be at the same; it may have the last rows in hand.
            while try await !database.ledgerTransaction({ try build.deleteSome($0) }) {
                let isLeft = try await database.ledgerRead { session in
                    try ProjectionBuild.all(of: projection, session).contains(build)
                }
                if !isLeft { break }
            }
        }
    }
}
