import Postgres
import Schema
import TestSupport
import Testing

@testable import Ledger

@Suite(.enabled(if: TestServer.isConfigured, "FAREBOX_TEST_OWNER_URL is not set"))
struct CapAlertTests {
    @Test(arguments: [(100, 80), (101, 81), (1, 1), (3, 3)] as [(Int128, Int128)])
    func `four fifths of a limit are crossed by the charge that reaches them`(
        limit: Int128,
        threshold: Int128
    ) {
        let (limit, threshold) = (Pico(limit), Pico(threshold))
        #expect(CapAlerts.crosses(limit, from: threshold - Pico(1), to: threshold))
        #expect(!CapAlerts.crosses(limit, from: .zero, to: threshold - Pico(1)))
        #expect(!CapAlerts.crosses(limit, from: threshold, to: threshold + Pico(9)))
    }

    @Test func `each window of a cap is told once, with all that it has spent`() async throws {
        try await LedgerFixture.run { ledger in
            let shop = try await Shop(
                ledger,
                limits: SpendLimits(day: Pico(100), total: Pico(200)),
                projectLimits: SpendLimits(month: Pico(150))
            )
            _ = try await ledger.events.append([shop.usage(79)])
            #expect(try await told(ledger) == [])
            let event = shop.usage(1)
            _ = try await ledger.events.append([event, shop.usage(10)])
            _ = try await ledger.events.append([event])
            #expect(try await told(ledger) == ["key day 90"])
            // Of two days of one month in a single append, and another window of the day's cap.
            let tomorrow = shop.noon.adding(seconds: 86_400)
            _ = try await ledger.events.append([
                shop.usage(15), shop.usage(60, admittedAt: tomorrow),
            ])
            #expect(try await told(ledger) == ["key day 90", "key total 165", "project month 165"])
            _ = try await ledger.events.append([shop.usage(20, admittedAt: tomorrow)])
            #expect(
                try await told(ledger) == [
                    "key day 80", "key day 90", "key total 165", "project month 165",
                ]
            )
            try await shop.verify()
        }
    }

    private func told(_ ledger: LedgerFixture) async throws -> [String] {
        try await ledger.service.read { session in
            try session.execute(
                """
                SELECT concat_ws(' ', data ->> 'scope', data ->> 'period',
                    (data ->> 'spent')::numeric * 1000000000000::bigint)
                        AS said
                FROM (SELECT body::jsonb -> 'data' AS data FROM webhook_messages
                    WHERE kind = 'cap.nearly_reached') AS message
                ORDER BY said
                """
            ).map { try $0.get("said", as: String.self) }
        }.map { $0.split(separator: ".")[0].description }
    }
}
