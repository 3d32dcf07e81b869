import Postgres
import Schema
import TestSupport
import Testing

@testable import Ledger

@Suite(.enabled(if: TestServer.isConfigured, "FAREBOX_TEST_OWNER_URL is not set"))
struct UsageReportTests {
    @Test func `usage is summed by day of the account's zone, and every report has one total`()
        async throws
    {
        try await LedgerFixture.run { ledger in
            var creation = Accounts.Creation(slug: "acme")
            creation.timeZone = "America/New_York"
            let account = try await Accounts(ledger.service).create(creation, at: .sample)
            let grant = Credits.Grant(account: "acme", amount: Pico(1_000))
            _ = try await Credits(ledger.service).grant(grant, at: .sample)
            // One UTC day, two days there; the second is in another month.
            let evening = try #require(Instant("2026-03-01T03:30:00Z"))
            let night = try #require(Instant("2026-03-01T06:30:00Z"))
            _ = try await ledger.events.append([
                .usage(charge: Pico(10), of: account.id, at: evening),
                .usage(charge: Pico(20), of: account.id, at: night) {
                    $0.model = "claude"
                    $0.tokens.audioInput = 3
                    $0.tokens.cacheWriteLong = 4
                },
            ])
            func report(_ dimensions: UsageDimension...) async throws -> AccountUsage {
                try await ledger.events.usageReport(account.id, by: dimensions)
            }
            let days = try await report(.day)
            #expect(days.rows.map(\.group) == [["2026-02-28"], ["2026-03-01"]])
            #expect(days.rows.map(\.sums.cost) == [Pico(10), Pico(20)])
            #expect(days.rows[1].sums.inputTokens == 20)
            #expect(days.rows[1].sums.cacheWriteTokens == 4)
            let months = try await report(.month, .model)
            #expect(
                months.rows.map(\.group)
                    == [["2026-02", "gpt-5.4-mini"], ["2026-03", "claude"]]
            )
            let hours = try await report(.hour)
            #expect(hours.rows.first?.group == ["2026-03-01T03:00:00Z"])
            for dimension in UsageDimension.allCases {
                #expect(try await report(dimension).total == days.total)
            }
            #expect(try await report().total == days.total)
            func only(_ filter: UsageFilter) async throws -> Pico {
                try await ledger.events.usageReport(account.id, by: [], of: filter).total.cost
            }
            #expect(try await only(UsageFilter(model: "claude")) == Pico(20))
            #expect(try await only(UsageFilter(model: "claude", upstream: "nobody")) == .zero)
            #expect(try await only(UsageFilter(project: "nothing")) == .zero)
            let from = try await ledger.events.usageReport(account.id, from: night, by: [])
            #expect(from.total.cost == Pico(20))
            let until = try await ledger.events.usageReport(account.id, to: night, by: [])
            #expect(until.total.cost == Pico(10))
        }
    }

    @Test func `events are read back as they were appended, page by page`() async throws {
        try await LedgerFixture.run { ledger in
            let account = try await ledger.account()
            let events =
                [.grant(Pico(100), to: account)]
                + EventEncodingTests.samples.compactMap { sample -> Event? in
                    guard sample.occurredAt.microseconds != .max else { return nil }
                    return Event(
                        account: account,
                        id: .make(at: .sample),
                        occurredAt: sample.occurredAt,
                        body: sample.body
                    )
                }
            _ = try await ledger.events.append(events)
            let first = try await ledger.events.events(of: account, limit: 2)
            let rest = try await ledger.events.events(of: account, from: 3)
            #expect((first + rest).map(\.event) == events)
            #expect((first + rest).map(\.version) == Array(1...Int64(events.count)))
            let status = try await LedgerStatus.read(ledger.service)
            #expect(status.events == Int64(events.count))
            #expect(status.accounts == 1)
            #expect(status.eventBytes > 0)
        }
    }
}
