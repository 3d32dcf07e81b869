import Glibc
import Postgres

/// Measures the ledger's own code on a real PostgreSQL; called by `benchmarks/ledger`.
///
///     ledger-benchmark OPERATION [NAME=NUMBER …]
///
/// Prints one JSON object with what was done, in how long, and with how much CPU time of its own.
@main
struct LedgerBenchmark {
    static func main() async throws {
        let words = CommandLine.arguments.dropFirst()
        guard let operation = words.first else { throw BenchmarkError("name an operation") }
        let options = try Options(words.dropFirst())
        if operation == "migrate" { return try await migrate() }
        let database = try database("DATABASE_URL", connections: options["connections"] ?? 8)
        let cpu = cpuMicroseconds()
        let start = ContinuousClock.now
        var figures: [(String, Int64)]
        switch operation {
        case "populate": figures = try await Population.make(database, options)
        case "append": figures = try await AppendMeasure.run(database, options)
        case "admit": figures = try await AdmissionMeasure.run(database, options)
        case "leases": figures = try await LeaseMeasure.run(database, options)
        case "project": figures = try await ProjectionMeasure.follow(database)
        case "rebuild": figures = try await ProjectionMeasure.rebuild(database)
        case "seal": figures = try await SweepMeasure.seal(database)
        case "verify": figures = try await SweepMeasure.verify(database)
        default: throw BenchmarkError("\(operation) is no operation")
        }
        if !figures.contains(where: { $0.0 == "microseconds" }) {
            figures.append(("microseconds", start.duration(to: .now).microseconds))
        }
        figures.append(("cpu_microseconds", cpuMicroseconds() - cpu))
        await database.close()
        print("{" + figures.map { "\"\($0.0)\": \($0.1)" }.joined(separator: ", ") + "}")
    }

    /// Makes the tables, so that only the ledger has to be built; from the root of the checkout.
    private static func migrate() async throws {
        let database = try database("FAREBOX_OWNER_URL", connections: 1)
        _ = try await Migrator(directory: "migrations").migrate(database)
        await database.close()
    }

    private static func database(_ name: String, connections: Int64) throws -> Database {
        guard let url = getenv(name) else { throw BenchmarkError("set \(name)") }
        var configuration = DatabaseConfiguration(url: try DatabaseURL(String(cString: url)))
        configuration.connectionsMax = Int(connections)
        configuration.queueTimeout = .seconds(120)
        configuration.applicationName = "ledger-benchmark"
        return Database(configuration)
    }

    private static func cpuMicroseconds() -> Int64 {
        var time = timespec()
        clock_gettime(CLOCK_PROCESS_CPUTIME_ID, &time)
        return Int64(time.tv_sec) * 1_000_000 + Int64(time.tv_nsec) / 1_000
    }
}

struct BenchmarkError: Error, CustomStringConvertible {
    let description: String

    init(_ description: String) {
        self.description = description
    }
}

/// `accounts=10000 batch=100`: numbers by name.
struct Options: Sendable {
    private var values: [String: Int64] = [:]

    init(_ words: some Sequence<String>) throws {
        for word in words {
            let parts = word.split(separator: "=")
            guard parts.count == 2, let value = Int64(parts[1]) else {
                throw BenchmarkError("\(word) is not name=number")
            }
            values[String(parts[0])] = value
        }
    }

    subscript(name: String) -> Int64? { values[name] }

    func required(_ name: String) throws -> Int64 {
        guard let value = values[name] else { throw BenchmarkError("\(name)=N is missing") }
        return value
    }
}

extension Duration {
    var microseconds: Int64 {
        components.seconds * 1_000_000 + components.attoseconds / 1_000_000_000_000
    }
}
