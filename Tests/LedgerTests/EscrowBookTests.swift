import Ledger
import Schema
import Testing

/// The book of one lease against the model of the database, over many seeds.
@Suite struct EscrowBookTests {
    @Test(arguments: 0..<8)
    func `Delays losses doubles outages and closures break no rule and leave nothing held`(
        part: Int
    ) async {
        var reasons: [String: Int] = [:]
        for seed in 0..<250 {
            var simulation = EscrowSimulation(
                seed: UInt64(part * 250 + seed),
                instanceCount: 1 + seed % 3,
                faults: EscrowSimulation.Faults(),
                settings: EscrowSettings()
            )
            // Other tests run on the same few threads.
            await Task.yield()
            simulation.run(for: .seconds(6), arrivals: 60)
            #expect(simulation.failures.isEmpty, "seed \(part * 250 + seed)")
            reasons.merge(simulation.refused) { $0 + $1 }
        }
        // The seeds reach every kind of refusal, or the checks of them would prove nothing.
        #expect(reasons.count == 5, "\(reasons)")
    }

    @Test(arguments: 0..<4)
    func `Without faults every refusal is true and no call is an operator's loss`(
        part: Int
    ) async {
        for seed in 0..<125 {
            var simulation = EscrowSimulation(
                seed: UInt64(10_000 + part * 125 + seed),
                instanceCount: 1 + seed % 3,
                faults: .none,
                settings: EscrowSettings()
            )
            await Task.yield()
            simulation.run(for: .seconds(6), arrivals: 80)
            #expect(simulation.failures.isEmpty, "seed \(10_000 + part * 125 + seed)")
            #expect(simulation.admitted > 0)
        }
    }

    @Test
    func `Validity that runs out and returns never admits on a lease that was released`() async {
        var settings = EscrowSettings()
        settings.validity = .seconds(3)
        var reasons: [String: Int] = [:]
        for seed in 0..<300 {
            var simulation = EscrowSimulation(
                seed: UInt64(20_000 + seed),
                instanceCount: 2,
                faults: EscrowSimulation.Faults(),
                settings: settings
            )
            await Task.yield()
            simulation.run(for: .seconds(8), arrivals: 60)
            #expect(simulation.failures.isEmpty, "seed \(20_000 + seed)")
            reasons.merge(simulation.refused) { $0 + $1 }
        }
        #expect(reasons["unavailable", default: 0] > 0)
    }
}
