import Schema
import Testing

@testable import Ledger

@Suite struct ProjectionPlanTests {
    private let start = ContinuousClock.now
    private let accounts = (1...8).map { AccountID(high: 0, low: $0) }

    private func target(_ index: Int, through: Int64 = 4, count: Int64 = 4) -> ProjectionTarget {
        ProjectionTarget(account: accounts[index], through: through, count: count)
    }

    /// A plan that has swept and found these.
    private func swept(
        _ behind: [ProjectionTarget],
        limits: ProjectionPlan.Limits = ProjectionPlan.Limits()
    ) -> ProjectionPlan {
        var plan = ProjectionPlan(limits: limits)
        #expect(plan.next(at: start) == .sweep)
        plan.found(behind, isComplete: true, startedAt: start, endedAt: start)
        return plan
    }

    @Test func `a quiet plan looks less and less often, and sweeps once a second`() {
        var plan = swept([])
        #expect(plan.next(at: start) == .pause(.milliseconds(10)))
        #expect(plan.next(at: start) == .pause(.milliseconds(20)))
        for _ in 0..<4 { _ = plan.next(at: start) }
        #expect(plan.next(at: start) == .pause(.milliseconds(50)))
        #expect(plan.next(at: start + .milliseconds(999)) == .pause(.milliseconds(50)))
        #expect(plan.next(at: start + .seconds(1)) == .sweep)
    }

    @Test func `a sweep that took long is repeated the less often`() {
        var plan = ProjectionPlan()
        let end = start + .milliseconds(400)
        plan.found([], isComplete: true, startedAt: start, endedAt: end)
        #expect(plan.next(at: end + .seconds(19)) != .sweep)
        #expect(plan.next(at: end + .seconds(20)) == .sweep)
    }

    @Test func `a batch is bounded by its events and by its streams`() {
        var limits = ProjectionPlan.Limits()
        limits.eventsMax = 10
        limits.streamsMax = 3
        var plan = swept((0..<8).map { target($0) }, limits: limits)
        #expect(plan.next(at: start) == .apply([target(0), target(1), target(2)]))
        plan.note([target(3, through: 40, count: 36)])
        #expect(plan.next(at: start) == .apply([target(3, through: 40, count: 40)]))
    }

    @Test func `a long stream is taken piece by piece, after those that wait behind it`() {
        var plan = swept([target(0, through: 100, count: 100), target(1)])
        guard case .apply(let batch) = plan.next(at: start) else {
            Issue.record("there is work")
            return
        }
        plan.applied(batch, moved: [accounts[0]: 30, accounts[1]: 4], at: start)
        #expect(plan.next(at: start) == .apply([target(0, through: 100, count: 70)]))
        #expect(plan.caughtUpAt == nil)
    }

    @Test func `it has caught up with the moment of a sweep once all that it found is done`() {
        var plan = swept([target(0), target(1)])
        #expect(plan.caughtUpAt == nil)
        _ = plan.next(at: start)
        plan.note([target(2)])
        plan.applied([target(0)], moved: [accounts[0]: 4], at: start)
        #expect(plan.caughtUpAt == nil)
        plan.applied([target(1)], moved: [accounts[1]: 4], at: start)
        #expect(plan.caughtUpAt == start)
        #expect(plan.eventsBehind == 4)
    }

    @Test func `a stream that another projector has is asked for again, later`() {
        var plan = swept([target(0)])
        _ = plan.next(at: start)
        plan.applied([target(0)], moved: [:], at: start)
        #expect(plan.next(at: start) == .pause(.milliseconds(50)))
        #expect(plan.next(at: start + .milliseconds(50)) == .apply([target(0)]))
    }

    @Test func `a plan that keeps up rests after a batch, one that is behind does not`() {
        var limits = ProjectionPlan.Limits()
        limits.streamsMax = 1
        var plan = swept([target(0), target(1)], limits: limits)
        #expect(plan.next(at: start) == .apply([target(0)]))
        plan.applied([target(0)], moved: [accounts[0]: 4], at: start)
        #expect(plan.next(at: start) == .apply([target(1)]))
        plan.applied([target(1)], moved: [accounts[1]: 4], at: start)
        plan.note([target(2)])
        #expect(plan.next(at: start) == .pause(.milliseconds(250)))
        #expect(plan.next(at: start + .milliseconds(250)) == .apply([target(2)]))
    }

    @Test func `a failing database is asked again after longer and longer pauses`() {
        var plan = swept([target(0)])
        var now = start
        for expected in [100, 200, 400, 800, 1_600, 3_200, 5_000, 5_000] {
            while case .sweep = plan.next(at: now) {
                Issue.record("what has failed comes first")
            }
            plan.failed([target(0)], .transient, at: now)
            #expect(plan.next(at: now) == .pause(.milliseconds(expected)))
            now += .milliseconds(expected)
        }
    }

    @Test func `one poisoned event among many stops its own account, at its own version`() {
        let poisonAccount = accounts[5]
        let poisonVersion: Int64 = 3
        var plan = swept((0..<8).map { target($0, through: 6, count: 6) })
        var versions: [AccountID: Int64] = [:]
        var stops: [StoppedStream] = []
        var turns = 0
        loop: while turns < 100 {
            turns += 1
            switch plan.next(at: start) {
            case .apply(let batch):
                let isPoisoned = batch.contains { target in
                    target.account == poisonAccount && target.through >= poisonVersion
                }
                if isPoisoned {
                    let after = batch.map { ($0.account, versions[$0.account] ?? 0) }
                    plan.failed(
                        batch,
                        .poison("bad", after: Dictionary(uniqueKeysWithValues: after)),
                        at: start
                    )
                } else {
                    for target in batch { versions[target.account] = target.through }
                    plan.applied(
                        batch,
                        moved: versions.filter { moved in
                            batch.contains { $0.account == moved.key }
                        },
                        at: start
                    )
                }
            case .stop(let stream):
                stops.append(stream)
                plan.stopped(stream)
            case .pause: break loop
            case .sweep: Issue.record("there was work left")
            }
        }
        #expect(stops == [StoppedStream(account: poisonAccount, reason: "bad")])
        for account in accounts {
            #expect(versions[account] == (account == poisonAccount ? poisonVersion - 1 : 6))
        }
        #expect(plan.isIdle)
        #expect(plan.caughtUpAt == start)
    }

    @Test func `a gap stops its account, and the others of the batch go on`() {
        var plan = swept([target(0), target(1)])
        _ = plan.next(at: start)
        plan.failed([target(0), target(1)], .gap(accounts[0], "gone"), at: start)
        let stream = StoppedStream(account: accounts[0], reason: "gone")
        #expect(plan.next(at: start) == .stop(stream))
        plan.failed(at: start)
        #expect(plan.next(at: start) == .pause(.milliseconds(100)))
        #expect(plan.next(at: start + .milliseconds(100)) == .stop(stream))
        plan.stopped(stream)
        #expect(plan.next(at: start + .milliseconds(100)) == .apply([target(1)]))
    }

    @Test func `what was noted of a past that the database has lost stops no stream`() {
        let (long, other) = (target(0, through: 9, count: 5), target(1))
        var plan = swept([long, other])
        _ = plan.next(at: start)
        plan.failed([long, other], .lostTail(accounts[0], through: 6), at: start)
        let rest = [target(0, through: 6, count: 5), other]
        #expect(plan.next(at: start) == .apply(rest))
        plan.applied(rest, moved: [accounts[0]: 6, accounts[1]: 4], at: start)
        #expect(plan.isIdle)
        #expect(plan.caughtUpAt == start)
    }

    @Test func `a sweep that could not hold all is repeated when its work is done`() {
        var plan = ProjectionPlan()
        plan.found([target(0)], isComplete: false, startedAt: start, endedAt: start)
        #expect(plan.next(at: start) == .apply([target(0)]))
        plan.applied([target(0)], moved: [accounts[0]: 4], at: start)
        #expect(plan.caughtUpAt == nil)
        #expect(plan.next(at: start) == .sweep)
    }
}
