import Postgres
import Schema
import TestSupport
import Testing

@testable import Ledger

@Suite(.enabled(if: TestServer.isConfigured, "FAREBOX_TEST_OWNER_URL is not set"))
struct SettleTopUpTests {
    @Test func `a payment that ten tell of at once is credited once`() async throws {
        try await TopUpStage.run { stage in
            let topUp = try await stage.open()
            let payment = stage.payment(of: topUp)
            let effects = try await withThrowingTaskGroup(of: PaymentEffect.self) { group in
                for _ in 0..<10 { group.addTask { try await stage.settle(payment) } }
                return try await group.reduce(into: [PaymentEffect]()) { $0.append($1) }
            }
            let credited = effects.count { if case .done = $0 { true } else { false } }
            let repeated = effects.count { if case .unchanged = $0 { true } else { false } }
            #expect((credited, repeated) == (1, 9))
            let head = try await stage.credit.head()
            #expect((head.version, head.balance) == (1, Pico(100)))
            #expect(try await stage.alerts().kinds == ["topup.credited"])
            let shown = try await stage.topUps.show(topUp.id)
            #expect(shown.status == .credited && shown.payment == "pi_1")
            let grant = try await stage.credit.credits.list(CreditStage.slug).grants.first
            #expect(grant?.id == shown.grant && grant?.reference == "pi_1")
            #expect(grant?.kind == .paid)
        }
    }

    @Test func `a payment that does not fit what was asked for credits nothing`() async throws {
        try await TopUpStage.run { stage in
            let topUp = try await stage.open(100, tax: 19)
            let good = stage.payment(of: topUp)
            func refused(_ change: (inout ReceivedPayment) throws -> Void) async throws {
                var payment = good
                try change(&payment)
                guard case .refused = try await stage.settle(payment) else {
                    Issue.record("it was taken: \(payment)")
                    return
                }
            }
            try await refused { $0.total = Pico(118) }
            try await refused { $0.total = Pico(100) }
            try await refused { $0.total = Pico(120) }
            try await refused { $0.total = .zero }
            try await refused { $0.currency = try #require(Currency("EUR")) }
            try await refused { $0.page = "cs_other" }
            func unknown(_ change: (inout ReceivedPayment) -> Void) async throws {
                var payment = good
                change(&payment)
                #expect(try await stage.settle(payment) == .unknown)
            }
            let (account, other) = (topUp.account, AccountID(high: 1, low: 2))
            try await unknown { $0.reference = .init(account: other, topUp: topUp.id) }
            try await unknown {
                $0.reference = .init(account: account, topUp: .init(high: 1, low: 2))
            }
            try await unknown { $0.provider = "another" }
            #expect(try await stage.credit.head().version == 0)
            #expect(try await stage.topUps.show(topUp.id) == topUp)
        }
    }

    @Test func `one top-up is paid once, and one payment pays one`() async throws {
        try await TopUpStage.run { stage in
            let (first, second) = (try await stage.open(), try await stage.open())
            try await stage.settle(stage.payment(of: first))
            for payment in [stage.payment(of: first, "pi_2"), stage.payment(of: second, "pi_1")] {
                guard case .refused = try await stage.settle(payment) else {
                    Issue.record("\(payment.id) was taken")
                    return
                }
            }
            #expect(try await stage.balance() == Pico(100))
            try await stage.settle(stage.payment(of: second, "pi_2"))
            #expect(try await stage.balance() == Pico(200))
        }
    }

    @Test func `what was granted by hand for the payment is not granted again`() async throws {
        try await TopUpStage.run { stage in
            let topUp = try await stage.open()
            let grant = try await stage.credit.grant(100, reference: "pi_1")
            guard case .unchanged(let settled) = try await stage.settle(stage.payment(of: topUp))
            else {
                Issue.record("it was credited again")
                return
            }
            #expect(settled.grant == grant && settled.status == .credited)
            #expect(try await stage.balance() == Pico(100))
        }
    }

    @Test func `money that came after the page had ended is credited all the same`() async throws {
        try await TopUpStage.run { stage in
            let topUp = try await stage.open()
            let ended = try await stage.topUps.end(topUp, at: stage.credit.now)
            #expect(ended.status == .expired)
            try await stage.settle(stage.payment(of: topUp))
            #expect(try await stage.topUps.show(topUp.id).status == .credited)
            let again = try await stage.topUps.end(topUp, at: stage.credit.now)
            #expect(again.status == .credited)
            #expect(try await stage.balance() == Pico(100))
        }
    }

    @Test func `the same key opens the same top-up, with another amount none`() async throws {
        try await TopUpStage.run { stage in
            let first = try await stage.open(key: "k")
            #expect(try await stage.open(key: "k") == first)
            let error = await #expect(throws: LedgerError.self) {
                _ = try await stage.open(101, key: "k")
            }
            #expect(error?.code == .conflict)
            #expect(try await stage.topUps.list(CreditStage.slug) == [first])
        }
    }

    @Test func `no account has pages without end`() async throws {
        try await TopUpStage.run { stage in
            for _ in 0..<TopUps.pendingMax { _ = try await stage.open() }
            let error = await #expect(throws: LedgerError.self) { _ = try await stage.open() }
            #expect(error?.code == .refused)
        }
    }

    @Test func `failures of the provider lock nobody out`() async throws {
        try await TopUpStage.run { stage in
            for _ in 0..<TopUps.pendingMax + 5 {
                let topUp = try await stage.begin()
                try await stage.topUps.noteFailure(of: topUp, at: stage.credit.now)
            }
            let topUp = try await stage.open()
            #expect(topUp.page != nil)
            // One that has its page after all is open.
            try await stage.topUps.noteFailure(of: topUp, at: stage.credit.now)
            let shown = try await stage.topUps.show(topUp.id)
            #expect(shown.page != nil && !shown.isPageMissing)
        }
    }

    @Test func `what is known of a top-up never changes`() async throws {
        try await TopUpStage.run { stage in
            _ = try await stage.paid()
            let ledger = stage.credit.ledger
            for change in [
                "amount = 1", "opened_at = now()", "payment_id = 'pi_9'",
                "paid_at = now()", "page_id = 'cs_9'", "grant_id = NULL", "refunded = 0 - 1",
            ] {
                for database in [ledger.service, ledger.owner] {
                    await #expect(throws: (any Error).self, "\(change)") {
                        _ = try await database.read { session in
                            try session.script("UPDATE top_ups SET \(change)")
                        }
                    }
                }
            }
            for statement in ["DELETE FROM top_ups", "TRUNCATE top_ups, payment_clawbacks"] {
                await #expect(throws: (any Error).self) {
                    _ = try await ledger.owner.read { try $0.script(statement) }
                }
            }
        }
    }

    @Test func `the provider is asked of what waits, ever less often, and by one at a time`()
        async throws
    {
        try await TopUpStage.run { stage in
            let topUp = try await stage.open()
            let start = stage.credit.now
            func claimed(after seconds: Int64) async throws -> Int {
                async let one = stage.topUps.claim(at: start.adding(seconds: seconds), limit: 9)
                async let other = stage.topUps.claim(at: start.adding(seconds: seconds), limit: 9)
                return try await one.count + other.count
            }
            #expect(try await claimed(after: 29) == 0)
            #expect(try await claimed(after: 30) == 1)
            #expect(try await claimed(after: 59) == 0)
            #expect(try await claimed(after: 600) == 1)
            #expect(try await claimed(after: 899) == 0)
            #expect(try await claimed(after: 900) == 1)
            // Paid: soon once, then after hours and days, and after half a year never again.
            try await stage.settle(stage.payment(of: topUp))
            var (now, count) = (Int64(0), 0)
            while now < 400 * 86_400 {
                now += max(1_800, now / 16)
                count += try await claimed(after: now)
            }
            #expect((12...20).contains(count))
        }
    }
}
