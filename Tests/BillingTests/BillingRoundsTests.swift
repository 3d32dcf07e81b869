import Ledger
import Postgres
import Schema
import TestSupport
import Testing

@testable import Billing

@Suite(.enabled(if: TestServer.isConfigured, "FAREBOX_TEST_OWNER_URL is not set"))
struct BillingRoundsTests {
    private func rounds(_ stage: MonthStage, hours: Int64? = 24) -> BillingRounds {
        var settings = BillingSchedule.Settings()
        settings.closeAfterHours = hours
        settings.issuesReceipts = true
        return BillingRounds(stage.database, settings)
    }

    @Test func `months are closed one after another, each account's by its own zone`()
        async throws
    {
        try await MonthStage.run(at: "2025-05-10T00:00:00Z") { stage in
            let east = try await stage.account("east", zone: "Asia/Tokyo", limit: "100")
            let west = try await stage.account("west", zone: "America/Los_Angeles", limit: "100")
            _ = try await stage.account("silent")
            let unbilled = try await stage.account("unbilled", limit: "100", isBilled: false)
            for account in [east, west, unbilled] { try await stage.charge(Pico(5), account) }
            let rounds = rounds(stage)
            // 1 July begins there: a day ago in Tokyo, and 8 hours ago in Los Angeles.
            try await stage.advance(to: "2025-07-01T15:00:00Z")
            let reports = [
                try await rounds.run(.months, at: stage.now),
                try await rounds.run(.months, at: stage.now),
                try await rounds.run(.months, at: stage.now),
            ]
            #expect(reports.map(\.done) == [2, 1, 0])
            let months = try await stage.invoices.list()
                .map { "\($0.document.account) \($0.document.period?.month.description ?? "")" }
            #expect(months.sorted() == ["east 2025-05", "east 2025-06", "west 2025-05"])
            try await stage.advance(to: "2025-07-02T06:59:59Z")
            #expect(try await rounds.run(.months, at: stage.now).due == 0)
            try await stage.advance(to: "2025-07-02T07:00:00Z")
            #expect(try await rounds.run(.months, at: stage.now).done == 1)
        }
    }

    @Test func `an account that cannot be closed is tried again later and stops nobody`()
        async throws
    {
        try await MonthStage.run(at: "2025-06-10T00:00:00Z") { stage in
            let poison = try await stage.account("poison", limit: "9")
            let other = try await stage.account("other", limit: "9")
            for account in [poison, other] { try await stage.charge(Pico(5), account) }
            // The issuer of its profile has gone, and is there again later.
            try await stage.setIssuer("nobody", of: poison, revision: 2)
            try await stage.advance(to: "2025-07-02T00:00:00Z")
            let rounds = rounds(stage)
            let first = try await rounds.run(.months, at: stage.now)
            #expect(first.failures.map(\.account) == ["poison"])
            #expect((first.due, first.done) == (2, 1))
            #expect(!first.isInterrupted)
            #expect(rounds.failing(.months) == 1)
            try await stage.setIssuer("us", of: poison, revision: 3)
            #expect(try await rounds.run(.months, at: stage.now).due == 0)
            let later = stage.now.adding(seconds: 60)
            #expect(try await rounds.run(.months, at: later).done == 1)
            #expect(rounds.failing(.months) == 0)
        }
    }

    @Test func `receipts are issued for who can have them`() async throws {
        try await MonthStage.run(at: "2025-06-10T00:00:00Z") { stage in
            _ = try await stage.account()
            _ = try await stage.account("quiet", isBilled: false)
            try await stage.grant("5")
            try await stage.grant("5", to: "quiet")
            let rounds = rounds(stage)
            #expect(try await rounds.run(.receipts, at: stage.now).done == 1)
            #expect(try await rounds.run(.receipts, at: stage.now).due == 0)
            #expect(try await stage.invoices.list().map(\.document.kind) == [.receipt])
        }
    }

    @Test func `a long stream is folded before a close has to`() async throws {
        try await MonthStage.run(at: "2025-06-10T00:00:00Z") { stage in
            // Its limit is an event, too.
            let account = try await stage.account(limit: "100")
            try await stage.charge(Pico(1), account, times: PeriodStore.eventsPerCheckpoint - 2)
            let rounds = rounds(stage)
            #expect(try await rounds.run(.checkpoints, at: stage.now).due == 0)
            try await stage.charge(Pico(1), account, times: 1)
            #expect(try await rounds.run(.checkpoints, at: stage.now).done == 1)
            #expect(try await rounds.run(.checkpoints, at: stage.now).due == 0)
        }
    }

    @Test func `a database that is away ends the round, and what is left is done later`()
        async throws
    {
        try await MonthStage.run(at: "2025-06-10T00:00:00Z") { stage in
            let account = try await stage.account(limit: "9")
            try await stage.charge(Pico(5), account)
            try await stage.advance(to: "2025-07-02T00:00:00Z")
            let copy = stage
            let elsewhere = DatabaseConfiguration(
                url: try TestServer.serviceURL().naming(host: "127.0.0.1", port: 1)
            )
            try await withPool(elsewhere) { away in
                let rounds = BillingRounds(away, .init())
                let error = await #expect(throws: LedgerError.self) {
                    try await rounds.run(.checkpoints, at: copy.now)
                }
                #expect(error?.code == .unavailable)
            }
            #expect(try await rounds(stage).run(.months, at: stage.now).done == 1)
        }
    }
}

extension MonthStage {
    fileprivate func setIssuer(
        _ issuer: String,
        of account: AccountID,
        revision: Int64
    ) async throws {
        try await database.transaction { session in
            _ = try session.execute(
                """
                INSERT INTO billing_profiles (account_id, revision, issuer, party, created_at)
                VALUES (\(account), \(revision), \(issuer),
                    '{"legalName":"P","address":[]}', now())
                """
            )
        }
    }
}
