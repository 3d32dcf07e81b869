import Ledger
import Schema
import TestSupport
import Testing

@testable import Billing

/// What a month's events and documents are in the general ledger.
@Suite(.enabled(if: TestServer.isConfigured, "FAREBOX_TEST_OWNER_URL is not set"))
struct GeneralLedgerTests {
    /// The balances of a month as `account: opening, closing`.
    private static func balances(_ month: String, _ stage: MonthStage) async throws -> [String] {
        try await export(month, .balances, stage).dropFirst().map { row in
            "\(row[4]): \(row[5]), \(row[8])"
        }
    }

    private static func export(
        _ month: String,
        _ form: GeneralLedger.Form,
        _ stage: MonthStage
    ) async throws -> [[String]] {
        var text = ""
        try await GeneralLedger(stage.database).export(
            try #require(Month(month)),
            of: nil,
            as: form,
            at: stage.now
        ) { text += $0 }
        return CSVReading.rows(text)
    }

    @Test func `usage burns deferred revenue, gifts are an expense, and rests are breakage`()
        async throws
    {
        try await MonthStage.run(at: "2025-06-10T00:00:00Z") { stage in
            let account = try await stage.account()
            try await stage.grant("10", expires: "2025-07-20T00:00:00Z")
            try await stage.grant("5", .promotional, expires: "2025-07-10T00:00:00Z")
            try await stage.charge(Pico(7_000_000_000_001), account)
            #expect(
                try await Self.balances("2025-06", stage) == [
                    "cash: 0.00, 10.00", "deferred_revenue: 0.00, -8.00",
                    "revenue: 0.00, -7.00", "promotional_expense: 0.00, 5.00",
                ]
            )
            try await stage.advance(to: "2025-07-21T00:00:00Z")
            #expect(
                try await Self.balances("2025-07", stage) == [
                    "cash: 10.00, 10.00", "deferred_revenue: -8.00, 0.00",
                    "revenue: -7.00, -7.00", "breakage: 0.00, -8.00",
                    "promotional_expense: 5.00, 5.00",
                ]
            )
            let expiry = try await Self.export("2025-07", .entries, stage).dropFirst()
            #expect(
                expiry.map { $0[9...].joined(separator: "|") } == [
                    "deferred_revenue|7.999999999999|", "breakage||7.999999999999",
                ]
            )
        }
    }

    @Test func `an invoice's tax is owed, paid and taken back beside its net`() async throws {
        try await MonthStage.run(at: "2025-06-10T00:00:00Z") { stage in
            let account = try await stage.account(limit: "100")
            let tax = TaxRule(category: .standard, rate: 19_000, reason: nil)
            _ = try await stage.parties.setTax(tax, of: "acme", at: stage.now)
            try await stage.charge(Pico(10_004_000_000_000), account)
            try await stage.advance(to: "2025-07-02T00:00:00Z")
            let number = try #require(try await stage.close("2025-06").first?.number)
            try await stage.credit(number, "1.19")
            #expect(
                try await Self.balances("2025-07", stage) == [
                    "receivable: 10.00, 10.71", "tax_payable: 0.00, -1.71",
                    "revenue: -10.00, -9.00", "rounding: 0.00, 0.00",
                ]
            )
            try await stage.pay(number, "bank-1")
            try await stage.credit(number, "1.19")
            #expect(
                try await Self.balances("2025-07", stage) == [
                    "cash: 0.00, 10.52", "receivable: 10.00, 0.00",
                    "deferred_revenue: 0.00, -1.00", "tax_payable: 0.00, -1.52",
                    "revenue: -10.00, -8.00", "rounding: 0.00, 0.00",
                ]
            )
            _ = try await stage.invoices.issueReceipts("acme", at: stage.now)
            let balances = try await Self.balances("2025-07", stage)
            #expect(balances.contains("cash: 0.00, 10.71"))
            #expect(balances.contains("tax_payable: 0.00, -1.71"))
        }
    }

    @Test func `what was voided, charged back and corrected is told from what was used`()
        async throws
    {
        try await MonthStage.run(at: "2025-06-10T00:00:00Z") { stage in
            let account = try await stage.account()
            let voided = try await stage.grant("3")
            let credits = Credits(stage.database)
            _ = try await credits.void(voided, at: stage.now)
            let disputed = try await stage.grant("4")
            try await stage.grant("10")
            try await stage.charge(Pico(1_000_000_000_000), account)
            _ = try await credits.chargeBack(
                Credits.Chargeback(
                    account: "acme",
                    payment: disputed.description,
                    reason: "the card was stolen"
                ),
                at: stage.now
            )
            _ = try await credits.adjust(
                Credits.Adjustment(
                    account: "acme",
                    amount: Pico(-2_000_000_000_000),
                    reason: "fee"
                ),
                at: stage.now
            )
            #expect(
                try await Self.balances("2025-06", stage) == [
                    "cash: 0.00, 10.00", "deferred_revenue: 0.00, -7.00",
                    "revenue: 0.00, -1.00", "adjustments: 0.00, -2.00",
                ]
            )
        }
    }

    @Test func `a late call changes the first open month, and no closed one`() async throws {
        try await MonthStage.run(at: "2025-06-10T00:00:00Z") { stage in
            let account = try await stage.account()
            try await stage.grant("10")
            try await stage.charge(Pico(1_000_000_000_000), account)
            try await stage.advance(to: "2025-07-02T00:00:00Z")
            _ = try await stage.close("2025-06")
            let before = try await Self.export("2025-06", .entries, stage)
            try await stage.charge(
                Pico(2_000_000_000_000),
                account,
                at: "2025-06-30T23:00:00Z"
            )
            #expect(try await Self.export("2025-06", .entries, stage) == before)
            #expect(before.dropFirst().allSatisfy { $0[3] == "closed" })
            let late = try await Self.export("2025-07", .entries, stage).dropFirst()
            #expect(late.map { $0[3] } == ["open", "open"])
            #expect(
                late.map { $0[9...].joined(separator: "|") }
                    == ["deferred_revenue|2|", "revenue||2"]
            )
        }
    }

    @Test func `a month that has not begun has no books`() async throws {
        try await MonthStage.run(at: "2025-06-10T00:00:00Z") { stage in
            let stage = stage
            await #expect(throws: LedgerError.self) {
                _ = try await Self.export("2025-07", .entries, stage)
            }
        }
    }
}
