import Ledger
import Postgres
import Schema
import TestSupport
import Testing

@testable import Billing

/// Processes that die while they close a month, wherever that is.
@Suite(.enabled(if: TestServer.isConfigured, "FAREBOX_TEST_OWNER_URL is not set"))
struct KilledCloseTests {
    @Test(arguments: [false, true])
    func `a close that is killed at any statement has happened or has not, and can be repeated`(
        isAnswered: Bool
    ) async throws {
        try await MonthStage.run(at: "2025-06-10T00:00:00Z") { stage in
            let account = try await stage.account(limit: "100")
            try await stage.grant("1")
            // Rounding is booked: the close has two events.
            try await stage.charge(Pico(2_345_000_000_000), account)
            try await stage.advance(to: "2025-07-02T00:00:00Z")
            let before = try await Accounts(stage.database).show("acme")
            var number = 0
            while try await stage.invoices.list().isEmpty {
                #expect(try await Accounts(stage.database).show("acme") == before)
                number += 1
                let isKilled = try await stage.closeJune(killedAt: number, isAnswered: isAnswered)
                // The last that is killed has committed, and does not hear of it. Where messages are
                // cut on their way there, the one behind the last goes through.
                guard isKilled else {
                    #expect(!isAnswered)
                    break
                }
            }
            // BEGIN, the lock of the head, …, COMMIT.
            #expect(number > 20)
            let head = try await Accounts(stage.database).show("acme")
            #expect(head.balance == Pico("-1.34"))
            #expect(try await stage.close("2025-06") == [])
            #expect(try await Accounts(stage.database).show("acme") == head)
            #expect(
                try await stage.invoices.list().map(\.document.totals.due) == [MinorUnits(134)]
            )
        }
    }
}

extension MonthStage {
    /// Closes June through a connection that is cut at a message; false when there were fewer.
    fileprivate func closeJune(killedAt message: Int, isAnswered: Bool) async throws -> Bool {
        let month = try #require(Month("2025-06"))
        let direct = try await serviceURL()
        let cutter = try CommitCutter(target: try #require(Int(direct.port)))
        defer { cutter.stop() }
        var configuration = DatabaseConfiguration(
            url: direct.naming(host: "127.0.0.1", port: cutter.port)
        )
        configuration.connectionsMax = 1
        try await withPool(configuration) { database in
            _ = try await Accounts(database).show("acme")
            cutter.cut(atMessage: message, isAnswered: isAnswered)
            _ = try? await Invoices(database).close("acme", through: month, at: now)
        }
        return cutter.isSpent
    }

    private func serviceURL() async throws -> DatabaseURL {
        let name = try await database.read { session in
            try session.execute("SELECT current_database()::text AS name").single()
                .get("name", as: String.self)
        }
        return try TestServer.serviceURL().naming(database: name)
    }
}
