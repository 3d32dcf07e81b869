import Ledger
import Postgres
import Schema

/// Appends calls that settle from leases, as the shippers of several instances do.
enum AppendMeasure {
    /// `accounts=N` to spread over, from number `first=N` on, `batch=N` events a transaction,
    /// `events=N` in all, over `connections=N`; `prepared=0` without prepared statements.
    ///
    /// With `rivals=N` half of the connections append to N other accounts meanwhile, uncounted.
    static func run(_ database: Database, _ options: Options) async throws -> [(String, Int64)] {
        let first = options["first"] ?? 0
        let accounts = first..<first + (try options.required("accounts"))
        let batch = try options.required("batch")
        let events = try options.required("events")
        let rivals = options["rivals"] ?? 0
        let connections = (options["connections"] ?? 8) / (rivals > 0 ? 2 : 1)
        let store = EventStore(database)
        let batchesEach = events / batch / connections
        guard batchesEach > 0 else { throw BenchmarkError("fewer batches than connections") }
        if options["prepared"] == 0 { try await forbidPreparing(database) }
        // Connecting and planning for the first time is not what is measured.
        for _ in 0..<connections {
            try await append(1, accounts, store)
        }
        let others = accounts.upperBound..<accounts.upperBound + rivals
        let beside = (0..<(rivals > 0 ? connections : 0)).map { _ in
            Task {
                while !Task.isCancelled { try await append(batch, others, store) }
            }
        }
        let start = ContinuousClock.now
        try await withThrowingTaskGroup(of: Void.self) { group in
            for _ in 0..<connections {
                group.addTask {
                    for _ in 0..<batchesEach { try await append(batch, accounts, store) }
                }
            }
            try await group.waitForAll()
        }
        let took = start.duration(to: .now).microseconds
        for rival in beside { rival.cancel() }
        for rival in beside { _ = await rival.result }
        return [("events", batchesEach * connections * batch), ("microseconds", took)]
    }

    private static func append(
        _ batch: Int64,
        _ accounts: Range<Int64>,
        _ store: EventStore
    ) async throws {
        var generator = CheapNumbers()
        let events = (0..<batch).map { _ in
            event(of: .random(in: accounts, using: &generator), &generator)
        }
        for outcome in try await store.append(events) {
            guard case .appended(_, let amount, .zero) = outcome, amount < .zero else {
                throw BenchmarkError("not appended in full: \(outcome)")
            }
        }
    }

    /// Behaves like a pooler that gives each transaction another session.
    private static func forbidPreparing(_ database: Database) async throws {
        try? await database.read { session in
            try session.script("PREPARE farebox_0 AS SELECT 1")
            _ = try session.executePrepared("SELECT 1")
        }
        try await database.read { session in _ = try session.executePrepared("SELECT 1") }
    }

    private static func event(of number: Int64, _ numbers: inout CheapNumbers) -> Event {
        let now = Population.now
        let charge = Pico(Int128(Int64.random(in: 1_000_000...9_000_000, using: &numbers)))
        var usage = Usage(
            request: .make(at: now),
            lease: Population.lease(number),
            key: Population.key(number),
            project: Population.project(number),
            admittedAt: now,
            model: "gpt-5.4-mini",
            upstream: "openai",
            upstreamModel: "gpt-5.4-mini-2026-03-17",
            endpoint: .chatCompletions,
            isStreamed: true,
            priceVersion: PriceVersion(1),
            hold: charge + charge
        )
        usage.charge = charge
        usage.capped = [.key, .project]
        usage.tokens.input = .random(in: 100...4_000, using: &numbers)
        usage.tokens.cacheRead = .random(in: 0...1_000, using: &numbers)
        usage.tokens.output = .random(in: 10...900, using: &numbers)
        usage.status = 200
        usage.outcome = .completed
        usage.source = .upstreamFinal
        usage.latencyMilliseconds = .random(in: 200...20_000, using: &numbers)
        usage.firstByteMilliseconds = .random(in: 50...900, using: &numbers)
        usage.upstreamCost = charge
        return Event(
            account: Population.account(number),
            id: .make(at: now),
            occurredAt: now,
            body: .usage(usage)
        )
    }
}

/// Numbers that cost nothing beside what is measured: those of the system are a call each.
private struct CheapNumbers: RandomNumberGenerator {
    private var state = UInt64.random(in: .min ... .max)

    mutating func next() -> UInt64 {
        state &+= 0x9e37_79b9_7f4a_7c15
        var word = state
        word = (word ^ word >> 30) &* 0xbf58_476d_1ce4_e5b9
        word = (word ^ word >> 27) &* 0x94d0_49bb_1331_11eb
        return word ^ word >> 31
    }
}
