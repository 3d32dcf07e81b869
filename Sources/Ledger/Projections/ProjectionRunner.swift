import Postgres
import Schema
import Synchronization

/// What a composition root may want to log about the projections.
package enum ProjectionNotice: Sendable {
    /// A stream's next event cannot be taken in; the other streams go on.
    case stopped(Projection, StoppedStream)
    /// The database did not do it; it is tried again.
    case failed(Projection, LedgerError)
    case wentLive(ProjectionBuild)
}

/// How far a projection is behind the streams, as this process knows it.
package struct ProjectionLag: Hashable, Sendable {
    package let projection: Projection
    package let events: Int64
    /// Everything that was recorded longer ago has been taken in.
    package let seconds: Int64
    package let stoppedStreams: Int64
}

/// Keeps one projection up to date for as long as the process runs.
package final class ProjectionRunner: Sendable {
    /// How often it looks whether builds were begun or replaced.
    private static let buildInterval: Duration = .seconds(1)
    /// What is noted at most between two steps; a sweep finds the rest.
    private static let notedMax = 100_000

    package let projection: Projection
    private let database: Database
    private let limits: ProjectionPlan.Limits
    private let report: @Sendable (ProjectionNotice) -> Void
    private let state: Mutex<State>

    private struct State {
        var noted: [ProjectionTarget] = []
        var events: Int64 = 0
        var stoppedStreams: Int64 = 0
        var caughtUpAt: ContinuousClock.Instant
    }

    package init(
        _ projection: Projection,
        _ database: Database,
        limits: ProjectionPlan.Limits = ProjectionPlan.Limits(),
        report: @escaping @Sendable (ProjectionNotice) -> Void = { _ in }
    ) {
        self.projection = projection
        self.database = database
        self.limits = limits
        self.report = report
        state = Mutex(State(caughtUpAt: .now))
    }

    /// Says what this process has just appended, so that it need not be looked for.
    package func note(_ appended: [ProjectionTarget]) {
        state.withLock { state in
            guard state.noted.count < Self.notedMax else { return }
            state.noted += appended
        }
    }

    package var lag: ProjectionLag {
        state.withLock { state in
            ProjectionLag(
                projection: projection,
                events: state.events + state.noted.reduce(0) { $0 + $1.count },
                seconds: (ContinuousClock.now - state.caughtUpAt).components.seconds,
                stoppedStreams: state.stoppedStreams
            )
        }
    }

    /// Follows the live build, and one that is being built by the rules of this program, until
    /// cancelled.
    package func run() async {
        var followers: [ProjectionFollower] = []
        var nextLook = ContinuousClock.now
        while !Task.isCancelled {
            if .now >= nextLook {
                nextLook = .now + Self.buildInterval
                await look(&followers)
            }
            let noted = state.withLock { state in
                defer { state.noted = [] }
                return state.noted
            }
            var pause: Duration? = followers.isEmpty ? limits.poll.upperBound : nil
            var isWorking = false
            for index in followers.indices {
                followers[index].note(noted)
                switch await followers[index].step() {
                case .idle(let duration): pause = pause.map { min($0, duration) } ?? duration
                case .worked: isWorking = true
                case .failed(let error): report(.failed(projection, error))
                case .stopped(let stream): report(.stopped(projection, stream))
                case .superseded: nextLook = .now
                }
            }
            publish(followers)
            if !isWorking, let pause { try? await Task.sleep(for: pause) }
        }
    }

    /// Takes up new builds, puts one that has caught up into the live one's place, and deletes
    /// what was replaced.
    private func look(_ followers: inout [ProjectionFollower]) async {
        do {
            let projection = projection
            let builds = try await database.ledgerTransaction { session in
                var builds = try ProjectionBuild.all(of: projection, session)
                let live = builds.first { $0.state == .live }
                // The rules have changed since the live build was begun.
                if live.map({ $0.version < projection.version }) ?? true {
                    _ = try ProjectionBuild.begin(projection, .building, session)
                    builds = try ProjectionBuild.all(of: projection, session)
                }
                return builds
            }
            let wanted = builds.filter { build in
                build.version == projection.version
                    && (build.state == .live || build.state == .building)
            }
            let known = followers
            followers = wanted.map { build in
                known.first { $0.build == build }
                    ?? ProjectionFollower(build, database, limits: limits)
            }
            for follower in followers where follower.isReadyToGoLive {
                let build = follower.build
                let isLive = try await database.ledgerTransaction { try build.goLive($0) }
                if isLive { report(.wentLive(build)) }
            }
            for build in builds where build.state == .retired {
                _ = try await database.ledgerTransaction { try build.deleteSome($0) }
            }
        } catch {
            report(.failed(projection, LedgerError(error)))
        }
    }

    private func publish(_ followers: [ProjectionFollower]) {
        guard let live = followers.first(where: { $0.build.state == .live }) else { return }
        state.withLock { state in
            state.events = live.plan.eventsBehind
            state.stoppedStreams = live.stoppedStreams
            if let caughtUpAt = live.plan.caughtUpAt { state.caughtUpAt = caughtUpAt }
        }
    }
}

extension ProjectionFollower {
    fileprivate var isReadyToGoLive: Bool { build.state == .building && plan.caughtUpAt != nil }
}
