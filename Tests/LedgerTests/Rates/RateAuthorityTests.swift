import Postgres
import Schema
import TestSupport
import Testing

@testable import Ledger

/// Shares in a key's limits, in PostgreSQL.
@Suite(.enabled(if: TestServer.isConfigured, "FAREBOX_TEST_OWNER_URL is not set"))
struct RateAuthorityTests {
    /// A key with limits, and the instances that share it.
    private struct Stage {
        let ledger: LedgerFixture
        let key: RateKey
        let limits: RateLimits

        var authority: PostgresRateAuthority { PostgresRateAuthority(ledger.service) }

        static func run(
            _ limits: RateLimits,
            _ body: (Stage) async throws -> Void
        ) async throws {
            try await LedgerFixture.run { ledger in
                _ = try await Accounts(ledger.service).create(.init(slug: "acme"), at: .sample)
                var creation = APIKeys.Creation(account: "acme")
                creation.rates = limits
                let key = try await APIKeys(ledger.service).create(creation, at: .sample).key
                #expect(key.rates == limits)
                let rateKey = RateKey(account: key.account, key: key.id)
                try await body(Stage(ledger: ledger, key: rateKey, limits: limits))
            }
        }

        func ask(
            _ identity: InstanceIdentity,
            _ sequence: Int64,
            held: RateAmounts = .zero,
            want: RateAmounts
        ) async throws -> RateReply {
            try await authority.exchange(
                RateRequest(
                    instance: identity.instance,
                    epoch: identity.epoch,
                    key: key,
                    sequence: sequence,
                    held: held,
                    want: want
                )
            )
        }

        func limiter(_ identity: InstanceIdentity) -> RateLimiter {
            RateLimiter(authority: authority) {
                RateStanding(
                    instance: identity.instance,
                    epoch: identity.epoch,
                    renewedAt: .now
                )
            }
        }

        /// Moves what the database knows of an instance into the past.
        func age(_ identity: InstanceIdentity, _ column: SQL, seconds: Int64) async throws {
            try await ledger.owner.transaction { session in
                _ = try session.execute(
                    """
                    UPDATE instances SET \(column) = clock_timestamp()
                        - make_interval(secs => \(seconds))
                    WHERE instance_id = \(identity.instance)
                    """
                )
            }
        }
    }

    @Test func `shares never sum up to more than the limits`() async throws {
        let limits = RateLimits(requestsPerMinute: 10, concurrency: 3)
        try await Stage.run(limits) { stage in
            let (one, other) = (
                try await stage.ledger.register(), try await stage.ledger.register()
            )
            let want = RateAmounts(requests: 7, tokens: 500, running: 2)
            let first = try await stage.ask(one, 1, want: want)
            #expect(first.granted == want && first.elsewhere == .zero)
            let second = try await stage.ask(other, 1, want: want)
            // What is not limited is granted as it is wanted.
            #expect(second.granted == RateAmounts(requests: 3, tokens: 500, running: 1))
            #expect(second.elsewhere == want)
            // The first gives some back, and asks for all there is.
            let third = try await stage.ask(
                one,
                2,
                held: RateAmounts(requests: 2),
                want: RateAmounts(requests: 100)
            )
            #expect(third.granted == RateAmounts(requests: 5))
        }
    }

    @Test func `of two requests in the wrong order the older one does nothing`() async throws {
        try await Stage.run(RateLimits(requestsPerMinute: 10)) { stage in
            let identity = try await stage.ledger.register()
            let want = RateAmounts(requests: 4)
            _ = try await stage.ask(identity, 5, want: want)
            for late in [4, 5] as [Int64] {
                await #expect { try await stage.ask(identity, late, want: want) } throws: {
                    ($0 as? LedgerError)?.code == .outOfSequence
                }
            }
            let other = try await stage.ledger.register()
            let rest = try await stage.ask(other, 1, want: RateAmounts(requests: 10))
            #expect(rest.granted.requests == 6)
        }
    }

    @Test func `a silent instance's share is over a window after its last call`() async throws {
        try await Stage.run(RateLimits(requestsPerMinute: 10, concurrency: 10)) { stage in
            let (dead, live) = (
                try await stage.ledger.register(), try await stage.ledger.register()
            )
            let all = RateAmounts(requests: 10, running: 10)
            _ = try await stage.ask(dead, 1, want: all)
            try await stage.age(dead, "renewed_at", seconds: 120)
            #expect(try await stage.ask(live, 1, want: all).granted == .zero)
            // Its calls may run on until its leases may be released.
            try await stage.age(dead, "renewed_at", seconds: 130)
            let granted = try await stage.ask(live, 2, want: all).granted
            #expect(granted == RateAmounts(requests: 10))
            try await stage.age(dead, "renewed_at", seconds: 10_000)
            let held = RateAmounts(requests: 10)
            let running = try await stage.ask(live, 3, held: held, want: RateAmounts(running: 10))
            #expect(running.granted.running == 10)
            #expect(try await stage.ledger.count("SELECT count(*) FROM rate_shares") == 1)
        }
    }

    @Test func `an earlier start's share is over a window after the next, its calls at once`()
        async throws
    {
        try await Stage.run(RateLimits(requestsPerMinute: 10, concurrency: 10)) { stage in
            let dead = try await stage.ledger.register()
            let all = RateAmounts(requests: 10, running: 10)
            _ = try await stage.ask(dead, 1, want: all)
            let live = try await stage.ledger.authority.register(
                instance: dead.instance,
                label: "test",
                expectedNonce: dead.nonce,
                freshNonce: .random()
            )
            #expect(try await stage.ask(live, 1, want: all).granted == RateAmounts(running: 10))
            // The dead start has nothing to say any more.
            await #expect { try await stage.ask(dead, 2, want: all) } throws: {
                ($0 as? LedgerError)?.code == .superseded
            }
            try await stage.age(live, "registered_at", seconds: 66)
            let held = RateAmounts(running: 10)
            #expect(try await stage.ask(live, 2, held: held, want: all).granted.requests == 10)
        }
    }

    @Test func `a restart does not reset a window`() async throws {
        try await Stage.run(RateLimits(requestsPerMinute: 5)) { stage in
            let identity = try await stage.ledger.register()
            try await serving(stage.limiter(identity)) { limiter in
                for _ in 0..<5 { _ = try await admit(limiter, stage) }
                await #expect(throws: RateRefusal.self) { try await admit(limiter, stage) }
            }
            let next = try await stage.ledger.authority.register(
                instance: identity.instance,
                label: "test",
                expectedNonce: identity.nonce,
                freshNonce: .random()
            )
            try await serving(stage.limiter(next)) { limiter in
                await #expect(throws: RateRefusal.self) { try await admit(limiter, stage) }
            }
        }
    }

    @Test func `limiters that share a key admit its limit and not one call more`() async throws {
        try await Stage.run(RateLimits(requestsPerMinute: 100, tokensPerMinute: 1_000)) { stage in
            let limiters = [
                stage.limiter(try await stage.ledger.register()),
                stage.limiter(try await stage.ledger.register()),
            ]
            let admitted = try await serving(limiters[0]) { one in
                try await serving(limiters[1]) { other in
                    await withTaskGroup(of: Int.self) { group in
                        for index in 0..<400 {
                            group.addTask {
                                let limiter = index % 2 == 0 ? one : other
                                return (try? await admit(limiter, stage)) == nil ? 0 : 1
                            }
                        }
                        return await group.reduce(0, +)
                    }
                }
            }
            #expect((95...100).contains(admitted))
        }
    }

    @Test func `what a refused call held, and what others did not use, is free again`()
        async throws
    {
        try await Stage.run(RateLimits(requestsPerMinute: 3, tokensPerMinute: 30)) { stage in
            let identity = try await stage.ledger.register()
            try await serving(stage.limiter(identity)) { limiter in
                let never = try await admit(limiter, stage)
                #expect(limiter.figures(stage.key)?.remaining.requests == 2)
                limiter.release(never)
                #expect(limiter.figures(stage.key)?.remaining.requests == 3)
                #expect(limiter.figures(stage.key)?.remaining.tokens == 30)
                let short = try await admit(limiter, stage)
                limiter.settle(short, tokens: 4)
                #expect(limiter.figures(stage.key)?.remaining.requests == 2)
                #expect(limiter.figures(stage.key)?.remaining.tokens == 26)
            }
            // The stop has given back what was not used.
            let rows = "SELECT sum(requests) * 1000 + sum(tokens) FROM rate_shares" as SQL
            #expect(try await stage.ledger.count(rows) == 1_004)
        }
    }

    private func admit(_ limiter: RateLimiter, _ stage: Stage) async throws -> RateHold {
        try await limiter.admit(
            RateAmounts(requests: 1, tokens: 10, running: 1),
            of: stage.key,
            under: stage.limits,
            waitMax: .seconds(60)
        )
    }

    @discardableResult private func serving<Value>(
        _ limiter: RateLimiter,
        _ body: (RateLimiter) async throws -> Value
    ) async throws -> Value {
        async let running: Void = limiter.run()
        let value = try await body(limiter)
        await limiter.stop(by: .now + .seconds(60))
        await running
        return value
    }
}
