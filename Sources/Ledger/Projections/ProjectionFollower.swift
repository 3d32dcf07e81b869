import Postgres
import Schema

/// Carries out the plan of one build: finds the streams that are behind and takes them in.
///
/// Any number of followers may work on a build, in any number of processes: each skips the streams
/// that another has in hand.
struct ProjectionFollower {
    /// The most streams that a sweep returns.
    private static let sweepMax = 50_000
    /// How long a stopped stream rests before it is tried again.
    private static let stoppedSeconds: Int64 = 300

    let build: ProjectionBuild
    private let database: Database
    private let limits: ProjectionPlan.Limits
    private(set) var plan: ProjectionPlan
    /// Streams of the last sweep that are stopped.
    private(set) var stoppedStreams: Int64 = 0

    init(
        _ build: ProjectionBuild,
        _ database: Database,
        limits: ProjectionPlan.Limits = ProjectionPlan.Limits()
    ) {
        self.build = build
        self.database = database
        self.limits = limits
        plan = ProjectionPlan(limits: limits)
    }

    mutating func note(_ appended: [ProjectionTarget]) { plan.note(appended) }

    /// What a step came to.
    enum Progress {
        case worked
        /// There is nothing to do for so long.
        case idle(Duration)
        /// The database did not do it: the plan tries again later.
        case failed(LedgerError)
        case stopped(StoppedStream)
        /// The build has been replaced: this follower's work is over.
        case superseded
    }

    /// Does the next thing that the plan wants.
    mutating func step() async -> Progress {
        switch plan.next(at: .now) {
        case .pause(let duration): .idle(duration)
        case .sweep: await sweep()
        case .apply(let targets): await apply(targets)
        case .stop(let stream): await stop(stream)
        }
    }

    /// Follows until a sweep finds nothing to do, but for stopped streams.
    ///
    /// Without traffic that is all there is; with it, the build is at most a sweep behind.
    mutating func catchUp(
        progress: (_ eventsBehind: Int64) -> Void = { _ in }
    ) async throws(LedgerError) -> Bool {
        let start = ContinuousClock.now
        while plan.caughtUpAt.map({ $0 < start }) ?? true {
            switch await step() {
            case .worked, .stopped: progress(plan.eventsBehind)
            case .idle(let duration): try? await Task.sleep(for: duration)
            case .failed(let error):
                guard error.isRetrySafe else { throw error }
            case .superseded: return false
            }
            if Task.isCancelled { throw LedgerError(.unavailable, "cancelled") }
        }
        return true
    }

    // MARK: Steps

    private mutating func sweep() async -> Progress {
        let start = ContinuousClock.now
        do {
            let (build, max) = (build, Self.sweepMax)
            let found = try await database.read { session in
                try session.execute(Self.sweepQuery(build, limit: max)).map { row in
                    (
                        target: ProjectionTarget(
                            account: try row.get("account_id"),
                            through: try row.get("wanted"),
                            count: try row.get("missing")
                        ),
                        isStopped: try row.get("is_stopped", as: Bool.self)
                    )
                }
            }
            stoppedStreams = Int64(found.count { $0.isStopped })
            plan.found(
                found.filter { !$0.isStopped }.map(\.target),
                isComplete: found.count < max,
                startedAt: start,
                endedAt: .now
            )
            return .worked
        } catch {
            plan.failed(at: .now)
            return .failed(LedgerError(error))
        }
    }

    /// The streams of which the build lacks events that it should have.
    ///
    /// That is all of them, but a build to be compared goes as far as the live one.
    private static func sweepQuery(_ build: ProjectionBuild, limit: Int) -> SQL {
        let wanted: SQL =
            build.state != .checking
            ? "SELECT account_id, version FROM account_heads"
            : """
            SELECT account_id, checkpoints.version
            FROM projection_checkpoints AS checkpoints JOIN projections USING
                (projection, build)
            WHERE projection = \(build.projection) AND state = 'live'
            """
        return """
            SELECT account_id, wanted.version AS wanted,
                wanted.version - coalesce(checkpoint.version, 0) AS missing,
                coalesce(stopped_at > now() - make_interval(secs => \(stoppedSeconds)), false)
                    AS is_stopped
            FROM (\(wanted)) AS wanted LEFT JOIN (
                SELECT account_id, version, stopped_at FROM projection_checkpoints
                WHERE projection = \(build.projection) AND build = \(build.number)
            ) AS checkpoint USING (account_id)
            WHERE wanted.version > coalesce(checkpoint.version, 0)
            ORDER BY account_id LIMIT \(limit)
            """
    }

    private mutating func apply(_ targets: [ProjectionTarget]) async -> Progress {
        let (build, streamMax) = (build, limits.eventsMax)
        do {
            let outcome = try await database.repeatableTransaction { session in
                var batch = ProjectionBatch(build, session)
                do {
                    return try batch.run(targets, streamMax: streamMax)
                } catch let error as PostgresError where error.isPoison {
                    throw PoisonedBatch(after: batch.after, reason: error.description)
                }
            }
            switch outcome {
            case .moved(let moved): plan.applied(targets, moved: moved, at: .now)
            case .superseded: return .superseded
            }
            return .worked
        } catch let poisoned as PoisonedBatch {
            plan.failed(
                targets,
                .poison(poisoned.reason, after: poisoned.after),
                at: .now
            )
            return .worked
        } catch let lost as LostTail {
            plan.failed(targets, .lostTail(lost.account, through: lost.through), at: .now)
            return .worked
        } catch let gap as StreamGap {
            plan.failed(targets, .gap(gap.account, gap.reason), at: .now)
            return .worked
        } catch {
            plan.failed(targets, .transient, at: .now)
            return .failed(LedgerError(error))
        }
    }

    private mutating func stop(_ stream: StoppedStream) async -> Progress {
        let build = build
        do {
            try await database.ledgerTransaction { session in
                _ = try session.execute(
                    """
                    INSERT INTO projection_checkpoints
                        (account_id, projection, build, version, stopped_at, stop_reason)
                    VALUES (\(stream.account), \(build.projection), \(build.number), 0,
                        clock_timestamp(), \(stream.reason))
                    ON CONFLICT (account_id, projection, build) DO UPDATE
                    SET stopped_at = excluded.stopped_at, stop_reason = excluded.stop_reason
                    """
                )
            }
            plan.stopped(stream)
            return .stopped(stream)
        } catch {
            plan.failed(at: .now)
            return .failed(error)
        }
    }
}

/// A batch that the database refused for what is in it.
private struct PoisonedBatch: Error {
    let after: [AccountID: Int64]
    let reason: String
}

extension PostgresError {
    /// Whether the data are to blame, so that the same statement fails again with them: refused by
    /// a rule, or beyond what a value or a row can hold.
    fileprivate var isPoison: Bool { fault == .caller || sqlState?.conditionClass == "54" }
}
