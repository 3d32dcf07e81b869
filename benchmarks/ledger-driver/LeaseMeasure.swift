import Ledger
import Postgres
import Schema

/// Acquires and gives back on one hot account, as instances do whose leases are too small.
enum LeaseMeasure {
    /// `instances=N` at once, `operations=N` in all; with `pause=N` each rests for N milliseconds, on
    /// average, before every operation, as leases that fit their account let it.
    static func run(_ database: Database, _ options: Options) async throws -> [(String, Int64)] {
        let instances = try options.required("instances")
        let operations = try options.required("operations")
        let pause = options["pause"] ?? 0
        let authority = PostgresLeaseAuthority(database)
        var identities: [InstanceIdentity] = []
        for number in 0..<instances {
            identities.append(try await Population.register(authority, "instance \(number)"))
        }
        let start = ContinuousClock.now
        let times = try await withThrowingTaskGroup(of: [Int64].self) { group in
            for identity in identities {
                group.addTask {
                    try await alternate(authority, identity, operations / instances, pause)
                }
            }
            return try await group.reduce(into: []) { $0 += $1 }.sorted()
        }
        return [
            ("operations", Int64(times.count)),
            ("microseconds", start.duration(to: .now).microseconds),
            ("median_microseconds", times[times.count / 2]),
            ("p99_microseconds", times[times.count * 99 / 100]),
        ]
    }

    /// Acquires and gives back by turns; returns how long each took, in microseconds.
    private static func alternate(
        _ authority: PostgresLeaseAuthority,
        _ identity: InstanceIdentity,
        _ count: Int64,
        _ pause: Int64
    ) async throws -> [Int64] {
        let account = Population.account(0)
        let lease = LeaseID.make(at: Population.now)
        var times: [Int64] = []
        // An even number leaves the lease as it was: closed with nothing in it.
        for operation in 1...(count / 2 * 2) {
            let rest = pause > 0 ? Int64.random(in: 0...2 * pause) : 0
            if rest > 0 { try await Task.sleep(for: .milliseconds(rest)) }
            let start = ContinuousClock.now
            if operation % 2 == 1 {
                let reply = try await authority.acquire(
                    AcquireRequest(
                        identity: identity,
                        account: account,
                        lease: lease,
                        opSequence: operation,
                        want: Pico(1_000),
                        least: Pico(1_000)
                    )
                )
                guard reply.granted == Pico(1_000) else { throw BenchmarkError("refused") }
            } else {
                _ = try await authority.giveBack(
                    GiveBackRequest(
                        identity: identity,
                        account: account,
                        lease: lease,
                        opSequence: operation,
                        amount: Pico(1_000),
                        closes: operation == count / 2 * 2
                    )
                )
            }
            times.append(start.duration(to: .now).microseconds)
        }
        return times
    }
}
