import Ledger
import LedgerModel
import Schema

/// What `ProjectionFollower` does around a process's plan.
extension World {
    /// Small, so that batches are cut and streams wait for each other.
    static let projectionLimits: ProjectionPlan.Limits = {
        var limits = ProjectionPlan.Limits()
        limits.eventsMax = 20
        limits.streamsMax = 2
        limits.poll = .milliseconds(200) ... .seconds(1)
        limits.sweepInterval = .seconds(2)
        // An answer that is late is no costly sweep.
        limits.sweepShare = 1
        return limits
    }()

    func project(_ process: Process) {
        switch process.projector.next(at: process.clock(now)) {
        case .pause(let duration):
            agenda.add(.local(process.id, .project), at: now + max(Moment(duration), 1))
        case .sweep:
            process.projectorToken = send(.sweepStreams(at: process.clock(now)), from: process)
        case .apply(let targets):
            process.projectorToken = send(.project(targets), from: process)
        case .stop(let stream):
            process.projectorToken = send(.stopStream(stream), from: process)
        }
    }

    func swept(
        _ process: Process,
        _ result: Result<[ProjectionTarget], LedgerError>,
        startedAt start: ContinuousClock.Instant
    ) {
        let clock = process.clock(now)
        switch result {
        case .success(let behind):
            process.projector.found(
                mutation == .neverSweepsStreams ? [] : behind,
                isComplete: true,
                startedAt: start,
                endedAt: clock
            )
        case .failure: process.projector.failed(at: clock)
        }
        schedule(.project, on: process, within: .milliseconds(2))
    }

    func projected(
        _ process: Process,
        _ targets: [ProjectionTarget],
        _ result: Result<ModelDatabase.Projected, LedgerError>
    ) {
        let clock = process.clock(now)
        switch result {
        case .success(.moved(let moved)):
            process.projector.applied(targets, moved: moved, at: clock)
        case .success(.failed(let failure)):
            process.projector.failed(targets, failure, at: clock)
        case .failure: process.projector.failed(targets, .transient, at: clock)
        }
        schedule(.project, on: process, within: .milliseconds(2))
    }

    func stopped(
        _ process: Process,
        _ stream: StoppedStream,
        _ result: Result<AccountID, LedgerError>
    ) {
        switch result {
        case .success: process.projector.stopped(stream)
        case .failure: process.projector.failed(at: process.clock(now))
        }
        schedule(.project, on: process, within: .milliseconds(2))
    }
}
