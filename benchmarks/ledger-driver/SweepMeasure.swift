import Ledger
import Postgres

/// Seals and verifies all that is there.
enum SweepMeasure {
    static func seal(_ database: Database) async throws -> [(String, Int64)] {
        var (events, seals): (Int64, Int64) = (0, 0)
        while true {
            let sweep = try await Sealer(database).sweep()
            events += sweep.sealed
            seals += Int64(sweep.seals)
            if sweep.sealed == 0 { return [("events", events), ("seals", seals)] }
        }
    }

    static func verify(_ database: Database) async throws -> [(String, Int64)] {
        let report = try await Verification(database).run()
        guard report.isOK else { throw BenchmarkError("\(report.findings.prefix(3))") }
        return [("events", report.events)]
    }
}
