import Ledger
import Postgres

/// Takes events into the projections: those that are new, as a running instance does, and all of
/// them anew.
enum ProjectionMeasure {
    /// Follows until nothing is missing; `events` are the new ones, each of which both take in.
    static func follow(_ database: Database) async throws -> [(String, Int64)] {
        let behind = try await eventsBehind(database)
        let start = ContinuousClock.now
        let runners = Projection.allCases.map { ProjectionRunner($0, database) }
        try await withThrowingTaskGroup(of: Void.self) { group in
            for runner in runners { group.addTask { await runner.run() } }
            while try await eventsBehind(database) > 0 {
                try await Task.sleep(for: .milliseconds(50))
            }
            group.cancelAll()
        }
        return [("events", behind), ("microseconds", start.duration(to: .now).microseconds)]
    }

    /// Rebuilds both at once; `events` are those of the streams, each of which both take in.
    static func rebuild(_ database: Database) async throws -> [(String, Int64)] {
        let events = try await withThrowingTaskGroup(of: ProjectionRebuild.Result.self) { group in
            for projection in Projection.allCases {
                group.addTask { try await ProjectionRebuild(projection, database).run() }
            }
            return try await group.reduce(into: Int64(0)) { most, result in
                guard result.stoppedStreams == 0 else {
                    throw BenchmarkError("\(result.stoppedStreams) streams were not taken in")
                }
                most = max(most, result.events)
            }
        }
        return [("events", events)]
    }

    private static func eventsBehind(_ database: Database) async throws -> Int64 {
        try await ProjectionStatus.read(database).map(\.eventsBehind).max() ?? 0
    }
}
