import Foundation
import Ledger
import Schema
import TestSupport
import Testing

@testable import Billing

/// Many months that are due at once, in two processes.
@Suite(.enabled(if: TestServer.isConfigured, "FAREBOX_TEST_OWNER_URL is not set"))
struct ClosingAtScaleTests {
    /// 300, or as many as `FAREBOX_TEST_INVOICES` says.
    private static let count =
        ProcessInfo.processInfo.environment["FAREBOX_TEST_INVOICES"].flatMap { Int($0) } ?? 300

    @Test func `hundreds of invoices of one moment have no gap and no double`() async throws {
        try await MonthStage.run(at: "2025-06-10T00:00:00Z", connections: 8) { stage in
            try await stage.chargedAccounts(Self.count)
            try await stage.advance(to: "2025-07-02T00:00:00Z")
            var settings = BillingSchedule.Settings()
            settings.closeAfterHours = 24
            let processes = [
                BillingRounds(stage.database, settings), BillingRounds(stage.database, settings),
            ]
            let copy = stage
            async let one = processes[0].run(.months, at: copy.now, width: 4)
            async let other = processes[1].run(.months, at: copy.now, width: 4)
            let reports = try await [one, other]
            #expect(reports.allSatisfy { $0.failures.isEmpty && $0.done == $0.due })
            // That numbers run from 1 to the last, once each, the stage asks at its end.
            let documents = try await stage.invoices.list()
            #expect(documents.count == Self.count)
            #expect(Set(documents.map(\.document.account)).count == Self.count)
            #expect(documents.allSatisfy { $0.document.kind == .invoice })
            #expect(try await processes[0].run(.months, at: stage.now).due == 0)
        }
    }
}

extension MonthStage {
    /// Accounts with a call each, eight at a time.
    fileprivate func chargedAccounts(_ count: Int) async throws {
        try await withThrowingTaskGroup(of: Void.self) { group in
            for part in 0..<8 {
                group.addTask {
                    for index in stride(from: part, to: count, by: 8) {
                        let account = try await account("a\(index)", limit: "90")
                        try await charge(Pico(Int128(index + 1) * 1_000_000_007), account)
                    }
                }
            }
            try await group.waitForAll()
        }
    }
}
