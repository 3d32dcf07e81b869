import Glibc
import Ledger
import Postgres
import Schema

/// Accounts with credit and a lease each, whose identifiers follow from their numbers, so that every
/// run of the driver knows them.
enum Population {
    private static let epoch: UInt64 = 0x0190_0000_0000_7000

    static func account(_ number: Int64) -> AccountID {
        // Spread like identifiers of accounts that were made at many times.
        AccountID(
            high: epoch | UInt64(bitPattern: number) << 20,
            low: 0x8000_0000_0000_0000 | UInt64(bitPattern: number)
        )
    }

    static func lease(_ number: Int64) -> LeaseID {
        LeaseID(
            high: epoch | UInt64(bitPattern: number) << 20,
            low: 0x9000_0000_0000_0000 | UInt64(bitPattern: number)
        )
    }

    static func key(_ number: Int64) -> KeyID { KeyID(high: 7, low: UInt64(number)) }

    static func project(_ number: Int64) -> ProjectID { ProjectID(high: 8, low: UInt64(number)) }

    static var now: Instant {
        var time = timespec()
        clock_gettime(CLOCK_REALTIME, &time)
        return Instant(microseconds: Int64(time.tv_sec) * 1_000_000 + Int64(time.tv_nsec) / 1_000)
    }

    /// Makes `accounts=N` of them, with much credit, half of it leased to one instance; of the last
    /// `capped=N` the key and the project that are charged have caps.
    static func make(_ database: Database, _ options: Options) async throws -> [(String, Int64)] {
        let count = try options.required("accounts")
        let accounts = (0..<count).map { account($0) }
        try await database.transaction { session in
            _ = try session.execute(
                """
                INSERT INTO accounts (account_id, slug, name, currency, time_zone)
                SELECT id, 'a' || place, 'Benchmark', 'USD', 'UTC'
                FROM unnest(\(accounts)) WITH ORDINALITY AS batch (id, place)
                """
            )
            _ = try session.execute(
                "INSERT INTO account_heads (account_id) SELECT unnest(\(accounts))"
            )
        }
        _ = try await EventStore(database).append(accounts.map { grant(to: $0) })
        try await database.transaction { session in
            _ = try session.execute(
                """
                INSERT INTO grants (account_id, grant_id, event_id, kind, amount, posted_at)
                SELECT account_id, (data->>'grant')::uuid, event_id, data->>'kind', amount_pico,
                    occurred_at
                FROM events WHERE kind = 'credit_granted'
                """
            )
        }
        try await leaseAll(database, count)
        let capped = options["capped"] ?? 0
        if capped > 0 { try await capLast(database, count - capped..<count) }
        return [("accounts", count), ("capped", capped)]
    }

    /// Caps a key and its project of each account, and leases a part of both caps.
    private static func capLast(_ database: Database, _ numbers: Range<Int64>) async throws {
        let accounts = numbers.map(account)
        let (keys, projects) = (numbers.map(key), numbers.map(project))
        let leases = numbers.map(lease)
        try await database.transaction { session in
            _ = try session.execute(
                """
                INSERT INTO projects (account_id, project_id, slug)
                SELECT *, 'default' FROM unnest(\(accounts), \(projects))
                """
            )
            _ = try session.execute(
                """
                INSERT INTO api_keys (account_id, key_id, project_id, secret_hash, prefix, name)
                SELECT account, key, project, sha256(account::text::bytea), 'sk-fb-', 'Benchmark'
                FROM unnest(\(accounts), \(keys), \(projects)) AS made (account, key, project)
                """
            )
            _ = try session.execute(
                """
                INSERT INTO spend_caps (account_id, key_id, project_id, day_limit, month_limit)
                SELECT account, key, NULL, 1e20, 1e20
                FROM unnest(\(accounts), \(keys)) AS made (account, key)
                UNION ALL
                SELECT account, NULL, project, 1e20, 1e20
                FROM unnest(\(accounts), \(projects)) AS made (account, project)
                """
            )
            _ = try session.execute(
                "UPDATE account_heads SET has_caps = true WHERE account_id = ANY(\(accounts))"
            )
            _ = try session.execute(
                """
                INSERT INTO spend_days (account_id, scope_id, starts_at, ends_at, month_starts_at)
                SELECT account_id, scope_id, day.* FROM spend_caps, spend_day(now(), 'UTC') AS day
                """
            )
            _ = try session.execute(
                """
                INSERT INTO cap_leases
                    (account_id, lease_id, scope_id, day_starts_at, granted, op_seq, op_result)
                SELECT account, lease, scope_id, starts_at, 1e18, 1, 1e18
                FROM unnest(\(accounts), \(leases)) AS made (account, lease)
                JOIN spend_days ON account_id = account
                """
            )
        }
    }

    private static func grant(to account: AccountID) -> Event {
        let body = CreditGranted(
            grant: .make(at: now),
            kind: .paid,
            amount: Pico(1_000_000_000_000_000_000),
            reference: nil
        )
        return Event(
            account: account,
            id: .make(at: now),
            occurredAt: now,
            body: .creditGranted(body)
        )
    }

    private static func leaseAll(_ database: Database, _ count: Int64) async throws {
        let authority = PostgresLeaseAuthority(database)
        let identity = try await register(authority, "population")
        let half = Pico(500_000_000_000_000_000)
        try await withThrowingTaskGroup(of: Void.self) { group in
            for worker in 0..<8 as Range<Int64> {
                group.addTask {
                    for number in stride(from: worker, to: count, by: 8) {
                        _ = try await authority.acquire(
                            AcquireRequest(
                                identity: identity,
                                account: account(number),
                                lease: lease(number),
                                opSequence: 1,
                                want: half,
                                least: half
                            )
                        )
                    }
                }
            }
            try await group.waitForAll()
        }
    }

    static func register(
        _ authority: PostgresLeaseAuthority,
        _ label: String
    ) async throws -> InstanceIdentity {
        var generator = SystemRandomNumberGenerator()
        return try await authority.register(
            instance: .make(at: now),
            label: label,
            expectedNonce: nil,
            freshNonce: Nonce(high: generator.next(), low: generator.next()),
            epochKnown: 0
        )
    }
}
