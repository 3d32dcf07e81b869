import Ledger
import Schema
import TestSupport
import Testing

@testable import Billing

/// What chargebacks and corrections leave unpaid, and which document asks for it.
@Suite(.enabled(if: TestServer.isConfigured, "FAREBOX_TEST_OWNER_URL is not set"))
struct UnaskedDebtTests {
    /// In June 15.00 of a payment of 20.00 are used, and in July the payment is charged back.
    private static func run(
        limit: String,
        _ body: (inout MonthStage, AccountID) async throws -> Void
    ) async throws {
        try await MonthStage.run(at: "2025-06-10T00:00:00Z") { stage in
            let account = try await stage.account(limit: limit)
            let vat = TaxRule(category: .standard, rate: 19_000, reason: nil)
            _ = try await stage.parties.setTax(vat, of: "acme", at: stage.now)
            let grant = try await stage.grant("20")
            try await stage.charge(Pico(15_000_000_000_000), account)
            try await stage.advance(to: "2025-07-02T00:00:00Z")
            _ = try await stage.close("2025-06")
            _ = try await Credits(stage.database).chargeBack(
                Credits.Chargeback(
                    account: "acme",
                    payment: grant.description,
                    reason: "the card was stolen"
                ),
                at: stage.now
            )
            try await body(&stage, account)
            #expect(try await Invoices(stage.database).verifyAll().wrong == [])
        }
    }

    private static func balance(_ stage: MonthStage) async throws -> Pico? {
        try await Accounts(stage.database).show("acme").balance
    }

    @Test func `what was used of a payment that is charged back stands on the next invoice, once`()
        async throws
    {
        try await Self.run(limit: "100") { stage, account in
            try await stage.charge(Pico(3_004_000_000_000), account)
            try await stage.advance(to: "2025-08-02T00:00:00Z")
            let july = try #require(try await stage.close("2025-07").first)
            #expect(july.debts?.map(\.amount) == [MinorUnits(1_500)])
            #expect(july.debts?.map(\.title) == ["Payment charged back: the card was stolen"])
            #expect(july.totals.subtotal == MinorUnits(300))
            #expect(july.totals.net == MinorUnits(1_800))
            #expect(july.totals.due == MinorUnits(2_142))
            #expect(july.totals.booked == Pico("0.004"))
            let number = try #require(july.number)
            let export = try await stage.invoices.export(of: number)
            let pages = try PDFReading(export.bytes(.pdf)).text
            #expect(pages.contains(/Payment charged back[^\n]* 15\.00 USD/))
            try await stage.pay(number, "bank-1")
            #expect(try await Self.balance(stage) == .zero)
            try await stage.advance(to: "2025-09-02T00:00:00Z")
            let august = try await stage.close("2025-08")
            #expect(august.map(\.totals.due) == [.zero])
            #expect(august.map(\.debts) == [nil])
        }
    }

    @Test
    func `what is beyond the credit limit is paid by the next money, and asked for by nobody`()
        async throws
    {
        try await Self.run(limit: "10") { stage, account in
            try await stage.advance(to: "2025-08-02T00:00:00Z")
            let july = try await stage.close("2025-07")
            #expect(july.map(\.totals.net) == [MinorUnits(1_000)])
            try await stage.grant("8")
            let listed = try await Credits(stage.database).list("acme")
            #expect(listed.unpaid == Pico("10"))
            #expect(listed.grants.map(\.remaining).reduce(.zero, +) == Pico("3"))
            try await stage.pay(try #require(july.first?.number), "bank-1")
            #expect(try await Self.balance(stage) == Pico("3"))
            try await stage.charge(Pico(1_000_000_000_000), account)
            try await stage.advance(to: "2025-09-02T00:00:00Z")
            #expect(try await stage.close("2025-08").map(\.totals.due) == [.zero])
        }
    }

    @Test func `an account without a limit is asked for nothing: it pays before it goes on`()
        async throws
    {
        try await Self.run(limit: "0") { stage, _ in
            try await stage.advance(to: "2025-08-02T00:00:00Z")
            let july = try await stage.close("2025-07")
            #expect(july.map(\.kind) == [.statement])
            #expect(july.map(\.debts) == [nil])
            try await stage.grant("20")
            #expect(try await Self.balance(stage) == Pico("5"))
        }
    }

    @Test func `a limit that is raised later brings what it covers onto the next invoice`()
        async throws
    {
        try await Self.run(limit: "10") { stage, _ in
            try await stage.advance(to: "2025-08-02T00:00:00Z")
            #expect(try await stage.close("2025-07").map(\.totals.net) == [MinorUnits(1_000)])
            let limit = try #require(Pico("50"))
            _ = try await Credits(stage.database).setLimit("acme", to: limit, at: stage.now)
            try await stage.advance(to: "2025-09-02T00:00:00Z")
            #expect(try await stage.close("2025-08").map(\.totals.net) == [MinorUnits(500)])
        }
    }

    @Test func `a correction downwards is asked for with its reason, in the month that it is of`()
        async throws
    {
        try await MonthStage.run(at: "2025-06-10T00:00:00Z") { stage in
            let account = try await stage.account(limit: "100")
            try await stage.charge(Pico(1_000_000_000_000), account)
            try await stage.advance(to: "2025-07-01T12:00:00Z")
            let fee = Credits.Adjustment(
                account: "acme",
                amount: Pico(-4_000_000_000_000),
                reason: "support in June"
            )
            _ = try await Credits(stage.database).adjust(fee, at: stage.now)
            let draft = try await stage.invoices.draft("acme", Month("2025-07"), at: stage.now)
            #expect(draft?.debts == nil)
            #expect(try await stage.close("2025-06").map(\.totals.due.count) == [100])
            try await stage.advance(to: "2025-08-02T00:00:00Z")
            let july = try #require(try await stage.close("2025-07").first)
            #expect(july.totals.due == MinorUnits(400))
            #expect(july.debts?.map(\.title) == ["Correction: support in June"])
            #expect(try await Invoices(stage.database).verifyAll().wrong == [])
        }
    }
}
