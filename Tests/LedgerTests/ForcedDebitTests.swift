import Postgres
import Schema
import TestSupport
import Testing

@testable import Ledger

/// What happens to leases when credit is taken from under them.
@Suite(.enabled(if: TestServer.isConfigured, "FAREBOX_TEST_OWNER_URL is not set"))
struct ForcedDebitTests {
    private func recalled(_ ledger: LedgerFixture) async throws -> [AccountID] {
        try await ledger.authority.recalled(
            from: try await ledger.register(),
            within: .seconds(60)
        )
    }

    @Test func `A chargeback that leases cover recalls them at once`() async throws {
        try await CreditStage.run(at: "2025-06-01") { stage in
            _ = try await stage.grant(100, reference: "payment")
            let lease = TestLease(stage.ledger, try await stage.ledger.register(), stage.account)
            _ = try await lease.acquire(1, want: 80, least: 80)
            let chargeback = Credits.Chargeback(
                account: CreditStage.slug,
                payment: "payment",
                reason: "disputed"
            )
            let account = try await stage.credits.chargeBack(chargeback, at: stage.now)
            #expect(account.head.overdrawn == Pico(80))
            #expect(try await recalled(stage.ledger) == [stage.account])
        }
    }

    @Test func `A limit that is lowered below what leases hold recalls them at once`()
        async throws
    {
        try await CreditStage.run(at: "2025-06-01", limit: 100) { stage in
            let lease = TestLease(stage.ledger, try await stage.ledger.register(), stage.account)
            _ = try await lease.acquire(1, want: 80, least: 80)
            _ = try await stage.credits.setLimit(CreditStage.slug, to: Pico(90), at: stage.now)
            #expect(try await recalled(stage.ledger) == [])
            _ = try await stage.credits.setLimit(CreditStage.slug, to: Pico(10), at: stage.now)
            #expect(try await recalled(stage.ledger) == [stage.account])
        }
    }

    @Test func `Credit that ends under leases recalls what they do not use`() async throws {
        try await CreditStage.run(at: "2025-06-01") { stage in
            _ = try await stage.grant(100, expires: "2025-06-02")
            let lease = TestLease(stage.ledger, try await stage.ledger.register(), stage.account)
            _ = try await lease.acquire(1, want: 80, least: 80)
            try await stage.advance(to: "2025-06-02")
            #expect(try await stage.head().reserved == Pico(80))
            #expect(try await recalled(stage.ledger) == [stage.account])
            _ = try await lease.giveBack(2, 80)
            try await stage.settleDue()
            #expect(try await stage.head().balance == .zero)
            #expect(try await stage.head().reserved == .zero)
        }
    }
}

/// Journals that were registered with a database that has lost it.
@Suite(.enabled(if: TestServer.isConfigured, "FAREBOX_TEST_OWNER_URL is not set"))
struct LostRegistrationTests {
    private func register(
        _ ledger: LedgerFixture,
        _ instance: InstanceID,
        epochKnown: Int64
    ) async throws -> InstanceIdentity {
        try await ledger.authority.register(
            instance: instance,
            label: "test",
            expectedNonce: nil,
            freshNonce: .random(),
            epochKnown: epochKnown
        )
    }

    @Test func `A database that never failed over refuses a journal that it does not know`()
        async throws
    {
        try await LedgerFixture.run { ledger in
            let error = await #expect(throws: LedgerError.self) {
                try await register(ledger, .make(at: .sample), epochKnown: 3)
            }
            #expect(error?.code == .journalCopied)
        }
    }

    @Test func `One that lost the first registration takes the journal in a later epoch`()
        async throws
    {
        try await LedgerFixture.run { ledger in
            try await ledger.owner.transaction { session in
                _ = try session.execute(
                    """
                    INSERT INTO incarnations (incarnation, system_identifier, timeline, grants_from)
                    SELECT 2, system_identifier, timeline, clock_timestamp() FROM incarnations
                    """
                )
                _ = try session.execute(
                    "UPDATE incarnations SET timeline = 0 WHERE incarnation = 1"
                )
            }
            let instance = InstanceID.make(at: .sample)
            let identity = try await register(ledger, instance, epochKnown: 3)
            #expect(identity.epoch == 4)
            // It must offer its events again before it leases anything.
            #expect(identity.incarnation.timeline == 0)
            #expect(
                try await ledger.authority.heartbeat(HeartbeatRequest(identity)) == .failedOver
            )
            // It is known now: a copy of the journal has no better right to it.
            let error = await #expect(throws: LedgerError.self) {
                try await register(ledger, instance, epochKnown: 3)
            }
            #expect(error?.code == .journalCopied)
        }
    }
}
