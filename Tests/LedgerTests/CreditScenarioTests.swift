import Postgres
import Schema
import TestSupport
import Testing

@testable import Ledger

/// Stories with dates, against a real PostgreSQL.
@Suite(.enabled(if: TestServer.isConfigured, "FAREBOX_TEST_OWNER_URL is not set"))
struct CreditScenarioTests {
    @Test func `a prepaid year with credit that begins, burns and expires on its dates`()
        async throws
    {
        try await CreditStage.run(at: "2025-01-01") { stage in
            let year = try await stage.grant(100, expires: "2026-01-01")
            let spring = try await stage.grant(20, .promotional, expires: "2025-04-01")
            let summer = try await stage.grant(
                30,
                .promotional,
                starts: "2025-07-01",
                expires: "2025-10-01"
            )
            #expect(try await stage.status(of: summer) == .scheduled)
            #expect(try await stage.head().balance == Pico(120))

            try await stage.advance(to: "2025-01-15")
            try await stage.charge(15)
            #expect(try await stage.rests()[spring] == Pico(5))
            try await stage.advance(to: "2025-03-31T23:59:59Z")
            #expect(try await stage.head().balance == Pico(105))
            try await stage.advance(to: "2025-04-01T00:00:01Z")
            #expect(try await stage.head().balance == Pico(100))
            #expect(try await stage.status(of: spring) == .expired)
            #expect(try await stage.lastEvents(1) == ["credit_expired -5 2025-04-01T00:00:00Z"])

            try await stage.charge(40)
            try await stage.advance(to: "2025-07-02")
            #expect(try await stage.lastEvents(1) == ["credit_granted 30 2025-07-01T00:00:00Z"])
            #expect(try await stage.head().balance == Pico(90))

            // Promotional credit that ends sooner goes first.
            try await stage.charge(50)
            #expect(try await stage.rests() == [year: Pico(40), spring: .zero, summer: .zero])
            #expect(try await stage.status(of: summer) == .spent)
            let before = try await stage.head()
            try await stage.advance(to: "2025-12-31T23:59:59.999999Z")
            #expect(try await stage.head() == before)
            try await stage.advance(to: "2026-01-01")
            #expect(try await stage.head().balance == .zero)
            let version = try await stage.head().version
            try await stage.settleDue()
            #expect(try await stage.head().version == version)
        }
    }

    @Test func `credit that expires under a long call stays for it, and for nothing else`()
        async throws
    {
        try await CreditStage.run(at: "2025-06-01") { stage in
            let grant = try await stage.grant(100, expires: "2025-06-02")
            let lease = try await stage.lease()
            _ = try await lease.acquire(1, want: 60, least: 60)
            try await stage.advance(to: "2025-06-02")
            var head = try await stage.head()
            #expect((head.balance, head.reserved, head.available) == (Pico(60), Pico(60), .zero))
            #expect(try await stage.status(of: grant) == .ending)
            #expect(try await lease.acquire(2, want: 1, least: 1).granted == .zero)

            try await stage.charge(45, admitted: "2025-06-01T23:59:59Z", lease: lease.id)
            try await stage.settleDue()
            head = try await stage.head()
            #expect((head.balance, head.reserved) == (Pico(15), Pico(15)))
            // The process that began it may be gone: whoever looks next completes it.
            _ = try await lease.giveBack(3, 0, closes: true)
            #expect(try await stage.head().available == .zero)
            try await stage.settleDue()
            head = try await stage.head()
            #expect((head.balance, head.reserved, head.overdrawn) == (.zero, .zero, .zero))
            #expect(try await stage.status(of: grant) == .expired)
            #expect(
                try await stage.lastEvents(3) == [
                    "credit_expired -40 2025-06-02T00:00:00Z", "usage -45 2025-06-02T00:00:00Z",
                    "credit_expired -15 2025-06-02T00:00:00Z",
                ]
            )
        }
    }

    @Test func `credit that was ending is kept for ever when a clock is set back`() async throws {
        try await CreditStage.run(at: "2025-06-01") { stage in
            let grant = try await stage.grant(100, expires: "2025-06-02")
            let lease = try await stage.lease()
            _ = try await lease.acquire(1, want: 60, least: 60)
            // By a clock that is half a day ahead.
            try await stage.advance(to: "2025-06-02")
            #expect(try await stage.head().reserved == Pico(60))
            try await stage.advance(to: "2025-06-01T12:00:00Z")
            let short = try await stage.grant(10, expires: "2025-06-01T13:00:00Z")
            _ = try await lease.giveBack(2, 0, closes: true)
            try await stage.advance(to: "2025-06-01T13:00:00Z")
            let head = try await stage.head()
            #expect((head.balance, head.reserved) == (.zero, .zero))
            #expect(try await stage.status(of: grant) == .expired)
            #expect(try await stage.status(of: short) == .expired)
        }
    }

    @Test func `other credit is not lost to a lease that never drains`() async throws {
        try await CreditStage.run(at: "2025-06-01") { stage in
            try await stage.grant(60, expires: "2025-06-02")
            let lease = try await stage.lease()
            _ = try await lease.acquire(1, want: 60, least: 60)
            try await stage.advance(to: "2025-06-02")
            #expect(try await stage.head().reserved == Pico(60))
            let lasting = try await stage.grant(100)
            // By now every call of before has ended: the lease is covered by the other grant.
            try await stage.advance(to: "2025-06-02T00:22:00Z")
            let head = try await stage.head()
            #expect((head.balance, head.reserved, head.available) == (Pico(100), .zero, Pico(40)))
            #expect(try await stage.rests()[lasting] == Pico(100))
        }
    }

    @Test func `a chargeback drives an account below zero, and the next payment lifts it`()
        async throws
    {
        try await CreditStage.run(at: "2025-03-01", connectionsMax: 8) { stage in
            try await stage.grant(100, reference: "pay-1")
            let lease = try await stage.lease()
            _ = try await lease.acquire(1, want: 20, least: 20)
            try await stage.charge(70)
            let (credits, now) = (stage.credits, stage.now)
            let chargeback = Credits.Chargeback(
                account: CreditStage.slug,
                payment: "pay-1",
                reason: "card stolen"
            )
            try await withThrowingTaskGroup { group in
                for _ in 0..<8 {
                    group.addTask { _ = try await credits.chargeBack(chargeback, at: now) }
                }
                try await group.waitForAll()
            }
            var head = try await stage.head()
            #expect((head.version, head.balance) == (3, Pico(-70)))
            #expect((head.overdrawn, head.escrowed) == (Pico(90), Pico(20)))
            var other = chargeback
            other.reason = "another"
            let changed = other
            let error = await #expect(throws: LedgerError.self) {
                _ = try await credits.chargeBack(changed, at: now)
            }
            #expect(error?.code == .conflict)

            _ = try await lease.giveBack(2, 0, closes: true)
            #expect(try await stage.head().overdrawn == Pico(70))
            let first = try await stage.grant(50)
            head = try await stage.head()
            #expect((head.overdrawn, head.available) == (Pico(20), .zero))
            let second = try await stage.grant(50)
            head = try await stage.head()
            #expect((head.overdrawn, head.available) == (.zero, Pico(30)))
            let rests = try await stage.rests()
            #expect((rests[first], rests[second]) == (.zero, Pico(30)))
        }
    }

    @Test func `a void at the same time from everywhere happens once`() async throws {
        try await CreditStage.run(at: "2025-03-01", connectionsMax: 8) { stage in
            let kept = try await stage.grant(100)
            let grant = try await stage.grant(40, .promotional)
            let scheduled = try await stage.grant(7, starts: "2025-05-01")
            let lease = try await stage.lease()
            _ = try await lease.acquire(1, want: 25, least: 25)
            let (credits, now) = (stage.credits, stage.now)
            try await withThrowingTaskGroup { group in
                for index in 0..<16 {
                    group.addTask {
                        _ = try await credits.void(
                            grant,
                            at: now,
                            idempotencyKey: index % 2 == 0 ? "void" : nil
                        )
                        _ = try await credits.void(scheduled, at: now)
                    }
                }
                try await group.waitForAll()
            }
            // Two grants and one void; what never began has no event.
            var head = try await stage.head()
            #expect((head.version, head.balance, head.reserved) == (3, Pico(125), Pico(25)))
            #expect(try await stage.status(of: scheduled) == .cancelled)
            // Neither a call from before both grants nor one from after the void burns it.
            try await stage.charge(5, admitted: "2025-02-28T23:59:59Z", lease: lease.id)
            try await stage.advance(to: "2025-06-01")
            try await stage.charge(6)
            #expect(try await stage.rests()[kept] == Pico(89))
            _ = try await lease.giveBack(2, 0, closes: true)
            try await stage.settleDue()
            head = try await stage.head()
            #expect((head.balance, head.reserved) == (Pico(89), .zero))
            #expect(try await stage.status(of: grant) == .voided)
            let spent = await #expect(throws: LedgerError.self) {
                _ = try await credits.chargeBack(
                    .init(account: CreditStage.slug, payment: grant.description, reason: "x"),
                    at: now
                )
            }
            #expect(spent?.code == .refused)
        }
    }

    @Test func `a lowered limit always posts, and admits nothing until it is covered`() async throws
    {
        try await CreditStage.run(at: "2025-03-01", limit: 100) { stage in
            let lease = try await stage.lease()
            _ = try await lease.acquire(1, want: 80, least: 80)
            let (credits, now) = (stage.credits, stage.now)
            for _ in 0..<2 {
                let account = try await credits.setLimit(
                    CreditStage.slug,
                    to: Pico(10),
                    at: now,
                    idempotencyKey: "limit"
                )
                #expect((account.version, account.head.overdrawn) == (2, Pico(70)))
            }
            let error = await #expect(throws: LedgerError.self) {
                _ = try await credits.setLimit(
                    CreditStage.slug,
                    to: Pico(11),
                    at: now,
                    idempotencyKey: "limit"
                )
            }
            #expect(error?.code == .conflict)
            #expect(try await lease.acquire(2, want: 1, least: 1).granted == .zero)
            try await stage.charge(8, lease: lease.id)
            _ = try await lease.giveBack(3, 0, closes: true)
            let head = try await stage.head()
            #expect((head.overdrawn, head.available) == (.zero, Pico(2)))
            #expect(try await stage.list().unpaid == Pico(8))
        }
    }

    @Test func `a correction upwards and its rest stand in the list`() async throws {
        try await CreditStage.run(at: "2025-03-01") { stage in
            _ = try await stage.credits.adjust(
                .init(account: CreditStage.slug, amount: Pico(9), reason: "outage"),
                at: stage.now
            )
            try await stage.charge(4)
            let grants = try await stage.list().grants
            #expect(grants.map(\.origin) == [.correction])
            #expect(grants.map(\.remaining) == [Pico(5)])
        }
    }

    @Test func `a long stream is folded from a checkpoint as from its start`() async throws {
        try await CreditStage.run(at: "2025-03-01") { stage in
            let grant = try await stage.grant(1_500, expires: "2025-04-01")
            let (account, now) = (stage.account, stage.now)
            _ = try await stage.ledger.events.append(
                (0..<1_100).map { _ in .usage(charge: Pico(1), of: account, at: now) }
            )
            #expect(try await stage.rests() == [grant: Pico(400)])
            let checkpoints = try await stage.ledger.count("SELECT version FROM burn_downs")
            #expect(checkpoints == 1_101)
            try await stage.charge(3)
            #expect(try await stage.rests() == [grant: Pico(397)])
        }
    }
}
