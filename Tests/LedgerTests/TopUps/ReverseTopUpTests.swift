import Schema
import TestSupport
import Testing

@testable import Ledger

@Suite(.enabled(if: TestServer.isConfigured, "FAREBOX_TEST_OWNER_URL is not set"))
struct ReverseTopUpTests {
    @Test func `refunds take back their sum, in whatever order they are told`() async throws {
        try await TopUpStage.run { stage in
            let topUp = try await stage.paid()
            for name in ["re_1", "re_1", "re_2", "re_1", "re_2"] {
                try await stage.refund(name == "re_1" ? 10 : 20, name)
            }
            #expect(try await stage.balance() == Pico(70))
            #expect(try await stage.topUps.show(topUp.id).refunded == Pico(30))
            // The grant goes on with what is left of it.
            let grant = try await stage.credit.credits.list(CreditStage.slug).grants[0]
            #expect((grant.status, grant.remaining, grant.burned) == (.live, Pico(70), .zero))
            try await stage.refund(70, "re_3")
            try await stage.refund(400, "re_4")
            let head = try await stage.credit.head()
            #expect((head.balance, head.version, head.overdrawn) == (.zero, 4, .zero))
            #expect(try await stage.topUps.show(topUp.id).refunded == Pico(100))
            let status = try await stage.credit.status(of: grant.id)
            #expect(status == .chargedBack)
        }
    }

    @Test func `a refund that ten tell of at once is taken once`() async throws {
        try await TopUpStage.run { stage in
            _ = try await stage.paid()
            try await withThrowingTaskGroup { group in
                for _ in 0..<10 { group.addTask { _ = try await stage.refund(40) } }
                try await group.waitForAll()
            }
            #expect(try await stage.balance() == Pico(60))
            #expect(try await stage.credit.head().version == 2)
        }
    }

    @Test func `what was used of a refunded payment is owed`() async throws {
        try await TopUpStage.run { stage in
            let topUp = try await stage.paid()
            try await stage.credit.charge(80)
            try await stage.refund(50)
            var head = try await stage.credit.head()
            #expect((head.balance, head.overdrawn) == (Pico(-30), Pico(30)))
            // The bank then takes what is left of the payment, and no more.
            try await stage.dispute(100)
            head = try await stage.credit.head()
            #expect((head.balance, head.overdrawn) == (Pico(-80), Pico(80)))
            #expect(try await stage.topUps.show(topUp.id).disputed == Pico(50))
            let next = try await stage.open(100)
            try await stage.settle(stage.payment(of: next, "pi_2"))
            head = try await stage.credit.head()
            #expect((head.balance, head.overdrawn, head.available) == (Pico(20), .zero, Pico(20)))
        }
    }

    @Test func `a refund goes first into what is left of its own grant`() async throws {
        try await TopUpStage.run { stage in
            let gift = try await stage.credit.grant(50, .promotional)
            let topUp = try await stage.paid()
            try await stage.refund(30)
            let rests = try await stage.credit.rests()
            #expect((rests[gift], rests[try #require(topUp.grant)]) == (Pico(50), Pico(70)))
        }
    }

    @Test func `who voids a grant and then refunds it takes it once`() async throws {
        try await TopUpStage.run { stage in
            let topUp = try await stage.paid()
            try await stage.credit.charge(40)
            let grant = try #require(topUp.grant)
            _ = try await stage.credit.credits.void(grant, at: stage.credit.now)
            #expect(try await stage.balance() == .zero)
            try await stage.refund(60)
            #expect(try await stage.balance() == .zero)
            #expect(try await stage.topUps.show(topUp.id).refunded == Pico(60))
            // More than was voided was used, and is owed.
            try await stage.refund(15, "re_2")
            #expect(try await stage.balance() == Pico(-15))
        }
    }

    @Test func `a refund that fails gives its credit back, once, and is told of`() async throws {
        try await TopUpStage.run { stage in
            let topUp = try await stage.paid()
            try await stage.refund(40)
            try await stage.refund(30, "re_2")
            guard case .refundFailed(let failed) = try await stage.refund(40, failed: true) else {
                Issue.record("nobody is told")
                return
            }
            #expect((failed.refunded, failed.refundFailed) == (Pico(30), Pico(40)))
            #expect(try await stage.balance() == Pico(70))
            for _ in 0..<2 {
                #expect(try await stage.refund(40, failed: true) == .unchanged(failed))
                // A notice that is older than the failure.
                #expect(try await stage.refund(40) == .unchanged(failed))
            }
            #expect(try await stage.balance() == Pico(70))
            let (kinds, last) = try await stage.alerts()
            #expect(kinds == ["topup.credited", "topup.refund_failed"])
            #expect(last?.contains(#""refund": "re_1""#) == true)
            #expect(last?.contains(topUp.id.description) == true)
            // It is refunded once more, and the whole payment then goes back to the cent.
            try await stage.refund(40, "re_3")
            try await stage.refund(30, "re_4")
            let head = try await stage.credit.head()
            #expect((head.balance, head.overdrawn) == (.zero, .zero))
            let shown = try await stage.topUps.show(topUp.id)
            #expect((shown.refunded, shown.refundFailed) == (Pico(100), Pico(40)))
        }
    }

    @Test func `what was used meanwhile is no more owed once the refund has failed`() async throws {
        try await TopUpStage.run { stage in
            _ = try await stage.paid()
            try await stage.credit.charge(80)
            try await stage.refund(100)
            #expect(try await stage.credit.head().overdrawn == Pico(80))
            try await stage.refund(100, failed: true)
            let head = try await stage.credit.head()
            #expect((head.balance, head.overdrawn) == (Pico(20), .zero))
        }
    }

    @Test func `a refund that is told when it has failed already is told of, and moves nothing`()
        async throws
    {
        try await TopUpStage.run { stage in
            _ = try await stage.paid()
            try await stage.refund(100, failed: true)
            try await stage.refund(100)
            #expect(try await stage.balance() == Pico(100))
            #expect(try await stage.credit.head().version == 1)
            #expect(try await stage.alerts().kinds == ["topup.credited", "topup.refund_failed"])
        }
    }

    @Test func `a whole refund that fails can be refunded and disputed again`() async throws {
        try await TopUpStage.run { stage in
            _ = try await stage.paid()
            try await stage.refund(100)
            try await stage.refund(100, failed: true)
            try await stage.refund(60, "re_2")
            #expect(try await stage.balance() == Pico(40))
            try await stage.dispute(40)
            #expect(try await stage.balance() == .zero)
        }
    }

    @Test func `a refund behind a won dispute takes of what that gave back`() async throws {
        try await TopUpStage.run { stage in
            _ = try await stage.paid()
            try await stage.dispute(100)
            try await stage.dispute(100, returned: true)
            try await stage.refund(30)
            #expect(try await stage.balance() == Pico(70))
            #expect(try await stage.credit.head().version == 4)
        }
    }

    @Test func `of a total with tax its part of the credit goes back`() async throws {
        try await TopUpStage.run { stage in
            let topUp = try await stage.paid(1_000, tax: 190)
            try await stage.refund(595)
            #expect(try await stage.balance() == Pico(500))
            // Sums of many parts come to the whole, whatever was cut off in between.
            for (index, part) in [1, 181, 223, 189, 1].enumerated() {
                try await stage.refund(Int64(part), "re_1\(index)")
            }
            #expect(try await stage.balance() == .zero)
            #expect(try await stage.topUps.show(topUp.id).refunded == Pico(1_190))
        }
    }

    @Test func `a dispute takes the payment back, and one that is won gives it back`() async throws
    {
        try await TopUpStage.run { stage in
            let topUp = try await stage.paid()
            // An inquiry moves no money.
            try await stage.dispute(100, withdrawn: false)
            #expect(try await stage.balance() == Pico(100))
            for _ in 0..<3 { try await stage.dispute(100) }
            #expect(try await stage.balance() == .zero)
            #expect(try await stage.topUps.show(topUp.id).disputed == Pico(100))
            for _ in 0..<3 { try await stage.dispute(100, returned: true) }
            try await stage.dispute(100)
            #expect(try await stage.balance() == Pico(100))
            #expect(try await stage.topUps.show(topUp.id).disputed == .zero)
            #expect(try await stage.credit.head().version == 3)
        }
    }

    @Test func `a dispute that is told when it is won already moves nothing`() async throws {
        try await TopUpStage.run { stage in
            _ = try await stage.paid()
            try await stage.dispute(100, returned: true)
            try await stage.dispute(100)
            #expect(try await stage.balance() == Pico(100))
            #expect(try await stage.credit.head().version == 1)
        }
    }

    @Test func `what is told of payments that are not known here changes nothing`() async throws {
        try await TopUpStage.run { stage in
            let pending = try await stage.open()
            #expect(try await stage.refund(100) == .unknown)
            try await stage.settle(stage.payment(of: pending))
            #expect(try await stage.refund(100, of: "pi_other") == .unknown)
            let euros = PaymentStanding(
                payment: "pi_1",
                provider: "stripe",
                currency: try #require(Currency("EUR"))
            )
            guard case .refused = try await stage.topUps.apply(euros, at: stage.credit.now) else {
                Issue.record("euros were taken for dollars")
                return
            }
            #expect(try await stage.balance() == Pico(100))
        }
    }
}
