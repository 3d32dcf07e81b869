import Testing

@testable import Ingress

@Suite struct AttemptPlanTests {
    private let start = ContinuousClock.now
    private var waitEnd: ContinuousClock.Instant { start + .seconds(2) }

    private func next(
        _ plan: inout AttemptPlan,
        after delay: Duration = .zero,
        closed: Set<Int> = [],
        later: [Int: Duration] = [:]
    ) -> AttemptPlan.Step {
        plan.next(at: start + delay, waitEnd: waitEnd) {
            closed.contains($0) ? .closed : later[$0].map { .later(start + $0) } ?? .entered
        }
    }

    @Test func `routes are tried in their order, and those that cannot be entered are passed over`()
    {
        var plan = AttemptPlan(routeCount: 3, attemptsMax: 3)
        #expect(next(&plan, closed: [0]) == .attempt(1))
        plan.failed(1, .never)
        #expect(next(&plan) == .attempt(2))
        plan.failed(2, .never)
        #expect(next(&plan) == .end)
        #expect(plan.attemptCount == 2)
    }

    @Test func `attempts do not exceed the budget, however many routes there are`() {
        var plan = AttemptPlan(routeCount: 5, attemptsMax: 2)
        #expect(next(&plan) == .attempt(0))
        plan.failed(0, .notBefore(start))
        #expect(next(&plan) == .attempt(1))
        plan.failed(1, .notBefore(start))
        #expect(next(&plan) == .end)
    }

    @Test func `a route is repeated only after all others, and not before its time`() {
        var plan = AttemptPlan(routeCount: 2, attemptsMax: 5)
        #expect(next(&plan) == .attempt(0))
        plan.failed(0, .notBefore(start + .seconds(1)))
        #expect(next(&plan) == .attempt(1))
        plan.failed(1, .never)
        #expect(next(&plan) == .wait(until: start + .seconds(1)))
        #expect(next(&plan, after: .seconds(1)) == .attempt(0))
    }

    @Test func `nothing waits beyond the end of waiting`() {
        var plan = AttemptPlan(routeCount: 1, attemptsMax: 5)
        #expect(next(&plan) == .attempt(0))
        plan.failed(0, .notBefore(start + .seconds(3)))
        #expect(next(&plan) == .end)
    }

    @Test func `what an upstream may have worked on is not sent to it again`() {
        var plan = AttemptPlan(routeCount: 1, attemptsMax: 5)
        #expect(next(&plan) == .attempt(0))
        plan.failed(0, .never)
        #expect(next(&plan) == .end)
    }

    @Test func `another key of the same upstream goes before other routes`() {
        var plan = AttemptPlan(routeCount: 2, attemptsMax: 5)
        #expect(next(&plan) == .attempt(0))
        plan.failed(0, .atOnce)
        #expect(next(&plan) == .attempt(0))
        plan.failed(0, .atOnce)
        #expect(next(&plan, closed: [0]) == .attempt(1))
    }

    @Test func `two routes in their pause are both repeated`() {
        var plan = AttemptPlan(routeCount: 2, attemptsMax: 9)
        for route in [0, 1] {
            #expect(next(&plan) == .attempt(route))
            plan.failed(route, .notBefore(start + .seconds(1)))
        }
        #expect(next(&plan, after: .seconds(1), closed: [0]) == .attempt(1))
        plan.failed(1, .never)
        #expect(next(&plan, after: .seconds(1)) == .end)
    }

    @Test func `a route that is limited for a while goes behind the others, and is no attempt`() {
        var plan = AttemptPlan(routeCount: 2, attemptsMax: 2)
        #expect(next(&plan, later: [0: .seconds(1)]) == .attempt(1))
        plan.failed(1, .never)
        #expect(next(&plan) == .wait(until: start + .seconds(1)))
        #expect(next(&plan, after: .seconds(1)) == .attempt(0))
        #expect(plan.attemptCount == 2)
    }

    @Test func `where all are limited for too long, nothing is waited for`() {
        var plan = AttemptPlan(routeCount: 2, attemptsMax: 3)
        #expect(next(&plan, later: [0: .seconds(60), 1: .seconds(3)]) == .end)
        #expect(plan.attemptCount == 0)
    }

    @Test func `a route that is limited again when its time has come is waited for again`() {
        var plan = AttemptPlan(routeCount: 1, attemptsMax: 1)
        #expect(next(&plan, later: [0: .seconds(1)]) == .wait(until: start + .seconds(1)))
        let again = next(&plan, after: .seconds(1), later: [0: .milliseconds(1_500)])
        #expect(again == .wait(until: start + .milliseconds(1_500)))
        #expect(next(&plan, after: .milliseconds(1_500)) == .attempt(0))
    }
}
