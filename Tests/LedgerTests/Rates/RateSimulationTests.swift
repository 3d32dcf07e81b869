import Schema
import Testing

@testable import Ledger

@Suite struct RateSimulationTests {
    @Test(arguments: 0..<12 as Range<UInt64>)
    func `no limit is exceeded, whatever dies, pauses, is lost or is away`(seed: UInt64) {
        var simulation = RateSimulation(
            seed: seed,
            processes: 4,
            limits: RateLimits(
                requestsPerMinute: 120,
                tokensPerMinute: seed % 2 == 0 ? 4_000 : 50_000,
                concurrency: seed % 3 == 0 ? 20 : nil
            ),
            faults: .init()
        )
        simulation.run(for: .seconds(600))
        #expect(simulation.failures == [])
        // It would be easy to exceed nothing by admitting nothing.
        #expect(simulation.calls.count > 50 && simulation.refusals > 50)
    }

    @Test(arguments: [1, 3, 8])
    func `at least 95 parts of 100 of a limit are reached in every minute`(processes: Int) {
        var simulation = RateSimulation(
            seed: UInt64(processes),
            processes: processes,
            limits: RateLimits(requestsPerMinute: 300, tokensPerMinute: 3_000),
            faults: .none,
            arrivalMilliseconds: 60,
            need: 10...10,
            isExact: true
        )
        simulation.run(for: .seconds(301))
        #expect(simulation.failures == [])
        for admitted in simulation.admittedByMinute(5) { #expect((285...300).contains(admitted)) }
    }

    @Test func `a limit of one call a minute is reached, once`() {
        var simulation = RateSimulation(
            seed: 1,
            processes: 3,
            limits: RateLimits(requestsPerMinute: 1),
            faults: .none,
            isExact: true
        )
        simulation.run(for: .seconds(300))
        #expect(simulation.failures == [])
        #expect(simulation.calls.count == 4 || simulation.calls.count == 5)
    }

    @Test func `inside of a share no call asks the database`() {
        var simulation = RateSimulation(
            seed: 7,
            processes: 2,
            limits: RateLimits(requestsPerMinute: 1_000_000, concurrency: 100_000),
            faults: .none,
            arrivalMilliseconds: 2,
            callMilliseconds: 10...100
        )
        simulation.run(for: .seconds(3))
        #expect(simulation.failures == [] && simulation.refusals == 0)
        #expect(simulation.calls.count > 2_000)
        #expect(simulation.exchanges < simulation.calls.count / 20)
    }

    @Test func `calls are under way up to the limit at a time, and others wait for a moment`() {
        var simulation = RateSimulation(
            seed: 3,
            processes: 3,
            limits: RateLimits(concurrency: 6),
            faults: .none,
            arrivalMilliseconds: 20,
            callMilliseconds: 200...400
        )
        simulation.run(for: .seconds(60))
        #expect(simulation.failures == [])
        // Six at a time of 0.3 s each are twenty a second.
        #expect(simulation.calls.count > 60 * 20 * 7 / 10)
    }
}
