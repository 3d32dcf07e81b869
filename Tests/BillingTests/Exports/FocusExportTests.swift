import Ledger
import Schema
import TestSupport
import Testing

@testable import Billing

/// What a month's usage and credit are in FOCUS; `test_exports.py` has it validated.
@Suite(.enabled(if: TestServer.isConfigured, "FAREBOX_TEST_OWNER_URL is not set"))
struct FocusExportTests {
    /// A month's rows, each as its values of some columns.
    private static func rows(
        _ month: String,
        _ columns: [String],
        _ stage: MonthStage
    ) async throws -> [String] {
        var text = ""
        try await FocusExport(stage.database).export(
            try #require(Month(month)),
            of: nil,
            at: stage.now
        ) { text += $0 }
        let rows = CSVReading.rows(text)
        #expect(rows.first == FocusCSV.names)
        let indices = try columns.map { try #require(FocusCSV.names.firstIndex(of: $0)) }
        return rows.dropFirst().map { row in indices.map { row[$0] }.joined(separator: " ") }
    }

    private static let costs = ["ChargeCategory", "BilledCost", "EffectiveCost"]

    @Test func `credit is billed when it is bought, and effective when it is used`() async throws {
        try await MonthStage.run(at: "2025-06-10T00:00:00Z") { stage in
            let account = try await stage.account()
            try await stage.grant("10", expires: "2025-07-20T00:00:00Z")
            try await stage.grant("2", .promotional, expires: "2025-07-10T00:00:00Z")
            try await stage.charge(Pico(5_000_000_000_000), account)
            #expect(
                try await Self.rows("2025-06", Self.costs, stage) == [
                    "Purchase 10.0 0.0", "Usage 2.0 5.0", "Credit -2.0 -2.0",
                ]
            )
            try await stage.advance(to: "2025-07-21T00:00:00Z")
            #expect(
                try await Self.rows("2025-07", Self.costs, stage) == ["Adjustment 0.0 7.0"]
            )
        }
    }

    @Test func `a late call is a correction, on the day that it was made`() async throws {
        try await MonthStage.run(at: "2025-06-10T00:00:00Z") { stage in
            let account = try await stage.account(zone: "America/New_York")
            try await stage.grant("10")
            try await stage.advance(to: "2025-07-02T00:00:00Z")
            _ = try await stage.close("2025-06")
            try await stage.charge(Pico(1_000_000_000_000), account, at: "2025-06-30T03:00:00Z")
            #expect(
                try await Self.rows(
                    "2025-07",
                    ["ChargeClass", "ChargePeriodStart", "ChargePeriodEnd", "BillingPeriodStart"],
                    stage
                ) == [
                    "Correction 2025-06-29T04:00:00Z 2025-06-30T04:00:00Z 2025-07-01T04:00:00Z"
                ]
            )
        }
    }

    @Test func `calls of one day and price term are one row, and of two days are two`()
        async throws
    {
        try await MonthStage.run(at: "2025-06-10T12:00:00Z") { stage in
            let account = try await stage.account(limit: "100")
            try await stage.charge(Pico(100_000_000_000), account, times: 300)
            try await stage.advance(to: "2025-06-11T12:00:00Z")
            try await stage.charge(Pico(500_000_000_000), account)
            #expect(
                try await Self.rows("2025-06", Self.costs + ["ConsumedQuantity"], stage)
                    == ["Usage 30.0 30.0 300.0", "Usage 0.5 0.5 1.0"]
            )
        }
    }
}
