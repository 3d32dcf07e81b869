import Glibc
import Ledger
import Postgres
import Schema
import TestSupport

@testable import Ledger

/// A fresh, migrated database, as its owner and as the service.
struct LedgerFixture: Sendable {
    let owner: Database
    let service: Database
    let serviceURL: DatabaseURL

    var events: EventStore { EventStore(service) }
    var authority: PostgresLeaseAuthority { PostgresLeaseAuthority(service) }

    static func run(
        connectionsMax: Int = 4,
        _ body: (LedgerFixture) async throws -> Void
    ) async throws {
        try await withDatabase { ownerURL, serviceURL in
            var configuration = DatabaseConfiguration(url: serviceURL)
            configuration.connectionsMax = connectionsMax
            configuration.queueTimeout = .seconds(60)
            let service = configuration
            configuration = DatabaseConfiguration(url: ownerURL)
            configuration.connectionsMax = 2
            try await withPool(configuration) { owner in
                _ = try await Migrator(directory: migrationsDirectory).migrate(owner)
                try await withPool(service) { service in
                    try await body(
                        LedgerFixture(owner: owner, service: service, serviceURL: serviceURL)
                    )
                }
            }
        }
    }

    /// An account made below the commands, with so much credit.
    func account(credit: Pico = .zero) async throws -> AccountID {
        let account = AccountID.make(at: .sample)
        try await service.transaction { session in
            _ = try session.execute(
                """
                INSERT INTO accounts (account_id, slug, name, currency, time_zone)
                VALUES (\(account), \("a-\(account)"), 'Sample', 'USD', 'UTC')
                """
            )
            _ = try session.execute(
                "INSERT INTO account_heads (account_id) VALUES (\(account))"
            )
        }
        if credit > .zero { _ = try await events.append([.grant(credit, to: account)]) }
        return account
    }

    func head(of account: AccountID) async throws -> HeadSummary {
        try await service.read { session in
            let row = try session.execute(
                """
                SELECT \(HeadSummary.columns) FROM account_heads WHERE account_id = \(account)
                """
            ).single()
            return try HeadSummary(row)
        }
    }

    /// A number that a query of the owner's finds.
    func count(_ sql: SQL) async throws -> Int64 {
        try await owner.read { session in
            try session.execute("SELECT (\(sql))::bigint AS count").single().get("count")
        }
    }

    func register() async throws -> InstanceIdentity {
        try await authority.register(
            instance: .make(at: .sample),
            label: "test",
            expectedNonce: nil,
            freshNonce: .random()
        )
    }

    private static var migrationsDirectory: String {
        let here = #filePath.split(separator: "/").dropLast(3).joined(separator: "/")
        return "/\(here)/migrations"
    }
}

extension Instant {
    /// Now, by the machine that the database runs on too.
    static var sample: Instant {
        var time = timespec()
        clock_gettime(CLOCK_REALTIME, &time)
        return Instant(microseconds: Int64(time.tv_sec) * 1_000_000 + Int64(time.tv_nsec) / 1_000)
    }
}

extension Nonce {
    static func random() -> Nonce {
        Nonce(high: .random(in: 0 ... .max), low: .random(in: 0 ... .max))
    }
}

extension Event {
    static func grant(
        _ amount: Pico,
        to account: AccountID,
        id: EventID = .make(at: .sample)
    ) -> Event {
        let body = CreditGranted(
            grant: .make(at: .sample),
            kind: .paid,
            amount: amount,
            reference: "payment \"1\"\n"
        )
        return Event(account: account, id: id, occurredAt: .sample, body: .creditGranted(body))
    }

    static func usage(
        charge: Pico,
        hold: Pico? = nil,
        lease: LeaseID? = nil,
        of account: AccountID,
        at instant: Instant = .sample,
        change: (inout Usage) -> Void = { _ in }
    ) -> Event {
        var usage = Usage(
            request: .make(at: instant),
            lease: lease,
            key: .make(at: instant),
            project: .make(at: instant),
            admittedAt: instant,
            model: "gpt-5.4-mini",
            upstream: "openai",
            upstreamModel: "gpt-5.4-mini-2026",
            endpoint: .chatCompletions,
            isStreamed: true,
            priceVersion: PriceVersion(1),
            hold: hold ?? charge
        )
        usage.charge = charge
        usage.tokens.input = 17
        usage.tokens.cacheRead = 5
        usage.tokens.output = 32
        usage.tokens.reasoning = 8
        usage.status = 200
        usage.outcome = .completed
        usage.source = .upstreamFinal
        usage.latencyMilliseconds = 1_234
        usage.firstByteMilliseconds = 99
        usage.upstreamCost = Pico(7)
        change(&usage)
        return Event(
            account: account,
            id: .make(at: instant),
            occurredAt: instant,
            body: .usage(usage)
        )
    }
}
