import Schema
import Testing

@testable import Ledger

/// What a share does when its instance was not heard for too long, step by step.
@Suite struct RateShareTests {
    private let start = ContinuousClock.now
    private let one = RateAmounts(requests: 1)
    private let limits = RateLimits(requestsPerMinute: 10)

    private func standing(renewedAfter delay: Duration) -> RateStanding {
        RateStanding(
            instance: InstanceID(high: 0, low: 1),
            epoch: 1,
            renewedAt: start + delay
        )
    }

    private func newShare() -> RateShare {
        RateSimulation.share(limits, RateSettings(), standing(renewedAfter: .zero), start, start)
    }

    /// The request that a waiting call makes.
    private func ask(_ share: inout RateShare, at delay: Duration) throws -> RateRequest {
        let actions = share.wait(
            1,
            for: one,
            deadline: start + delay + .seconds(2),
            now: start + delay,
            nextSequence: { 1 }
        )
        guard case .exchange(let request) = actions.first else {
            throw LedgerError(.invalid, "no request in \(actions)")
        }
        return request
    }

    private func answer(
        _ share: inout RateShare,
        _ request: RateRequest,
        at delay: Duration,
        renewedAfter renewal: Duration
    ) -> [RateAction] {
        let reply = RateReply(to: request, limits: limits, elsewhere: .zero)
        return share.completed(
            request,
            .success(reply),
            now: start + delay,
            standing(renewedAfter: renewal),
            nextSequence: { 2 }
        )
    }

    /// A share that may use one call and has none.
    private func idleShare() throws -> RateShare {
        var share = newShare()
        let request = try ask(&share, at: .zero)
        guard
            case .admit(_, let hold)? = answer(&share, request, at: .zero, renewedAfter: .zero)
                .first
        else { throw LedgerError(.invalid, "not admitted") }
        _ = share.release(hold, now: start)
        return share
    }

    @Test func `a share is used for as long as heartbeats renew it`() throws {
        var share = try idleShare()
        let renewed = share.admit(
            one,
            now: start + .seconds(100),
            standing(renewedAfter: .seconds(59))
        )
        #expect(renewed != nil)
        share = try idleShare()
        let silent = share.admit(one, now: start + .seconds(60), standing(renewedAfter: .zero))
        #expect(silent == nil)
    }

    @Test func `what is left of a share is forgotten after a silence, although it is over`() throws
    {
        var share = try idleShare()
        // The database may have given it to others between the two heartbeats.
        let after = standing(renewedAfter: .seconds(130))
        #expect(share.admit(one, now: start + .seconds(130), after) == nil)
        #expect(share.allotted == .zero)
    }

    @Test func `an answer from before a silence grants nothing`() throws {
        var share = newShare()
        let request = try ask(&share, at: .zero)
        let actions = answer(
            &share,
            request,
            at: .seconds(130),
            renewedAfter: .seconds(130)
        )
        #expect(!actions.contains { if case .admit = $0 { true } else { false } })
        #expect(share.allotted == .zero)
    }

    @Test func `a call beyond a whole minute is refused for good`() {
        var share = newShare()
        let actions = share.wait(
            1,
            for: RateAmounts(requests: 11),
            deadline: start,
            now: start,
            nextSequence: { 1 }
        )
        #expect(actions == [.refuse(waiter: 1, .beyondLimit(.requests))])
    }

    @Test func `a failing database is waited for until the call's time is over`() throws {
        var share = newShare()
        let request = try ask(&share, at: .zero)
        let failed = share.completed(
            request,
            .failure(LedgerError(.unavailable, "away")),
            now: start,
            standing(renewedAfter: .zero),
            nextSequence: { 2 }
        )
        guard case .wake(let moment)? = failed.first else { throw LedgerError(.invalid, "no wake") }
        #expect(moment > start && failed.count == 1)
        let expired = share.sweep(
            now: start + .seconds(3),
            standing(renewedAfter: .zero),
            isStopping: false,
            nextSequence: { 3 }
        )
        #expect(expired.first == .refuse(waiter: 1, .unavailable))
    }
}
