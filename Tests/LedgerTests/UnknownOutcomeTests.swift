import Postgres
import Schema
import TestSupport
import Testing

@testable import Ledger

/// Commits whose answer is lost, some of which took place and some of which did not.
@Suite(.enabled(if: TestServer.isConfigured, "FAREBOX_TEST_OWNER_URL is not set"))
struct UnknownOutcomeTests {
    @Test func `events are in the stream once, whether the lost commit took place or not`()
        async throws
    {
        try await LedgerFixture.run { ledger in
            let account = try await ledger.account(credit: Pico(1_000))
            try await withCuts(3, of: ledger) { cut in
                let events = (0..<10).map { _ in Event.usage(charge: Pico(1), of: account) }
                let outcomes = try await EventStore(cut).append(events)
                // The first attempt had committed, so the one that was answered found them there.
                #expect(outcomes.allSatisfy { $0 == .duplicate })
            }
            let head = try await ledger.head(of: account)
            #expect(head.balance == Pico(990))
            #expect(head.version == 11)
        }
    }

    @Test func `a lease gets its grant once, and its instance one epoch`() async throws {
        try await LedgerFixture.run { ledger in
            let account = try await ledger.account(credit: Pico(1_000))
            try await withCuts(2, of: ledger) { cut in
                let authority = PostgresLeaseAuthority(cut)
                let identity = try await authority.register(
                    instance: .make(at: .sample),
                    label: "test",
                    expectedNonce: nil,
                    freshNonce: .random()
                )
                #expect(identity.epoch == 1)
                let request = AcquireRequest(
                    identity: identity,
                    account: account,
                    lease: .make(at: .sample),
                    opSequence: 1,
                    want: Pico(60),
                    least: Pico(60)
                )
                #expect(try await authority.acquire(request).granted == Pico(60))
            }
            #expect(try await ledger.head(of: account).escrowed == Pico(60))
        }
    }

    @Test func `a grant without a key is one grant`() async throws {
        try await LedgerFixture.run { ledger in
            try await withCuts(3, of: ledger) { cut in
                _ = try await Accounts(cut).create(.init(slug: "acme"), at: .sample)
                _ = try await Credits(cut).grant(
                    .init(account: "acme", amount: Pico(5)),
                    at: .sample
                )
            }
            try await withCuts(3, of: ledger) { cut in
                _ = try await Credits(cut).adjust(
                    .init(account: "acme", amount: Pico(-5), reason: "all of it"),
                    at: .sample
                )
            }
            let account = try await Accounts(ledger.service).show("acme")
            #expect(account.balance == .zero)
            #expect(account.version == 2)
            #expect(try await Verification(ledger.service).run().isOK)
        }
    }

    @Test func `an outcome that stays unknown is reported as that`() async throws {
        try await LedgerFixture.run { ledger in
            let account = try await ledger.account(credit: Pico(1_000))
            try await withCuts(1_000, of: ledger, isSpentAtEnd: false) { cut in
                let error = await #expect(throws: LedgerError.self) {
                    try await EventStore(cut).append([.usage(charge: Pico(1), of: account)])
                }
                #expect(error?.code == .outcomeUnknown)
                #expect(error?.isRetrySafe == true)
            }
        }
    }

    private func withCuts(
        _ cuts: Int,
        of ledger: LedgerFixture,
        isSpentAtEnd: Bool = true,
        _ body: (Database) async throws -> Void
    ) async throws {
        let name = try await ledger.service.read { session in
            try session.execute("SELECT current_database()::text AS name").single()
                .get("name", as: String.self)
        }
        let direct = try TestServer.serviceURL().naming(database: name)
        let cutter = try CommitCutter(target: try #require(Int(direct.port)), cuts: cuts)
        defer { cutter.stop() }
        let url = direct.naming(host: "127.0.0.1", port: cutter.port)
        try await withPool(DatabaseConfiguration(url: url), body)
        #expect(cutter.isSpent == isSpentAtEnd)
    }
}
