import Postgres
import Schema
import TestSupport
import Testing

@testable import Ledger

/// Reports of streams that are long enough to be summed up by days.
@Suite(.enabled(if: TestServer.isConfigured, "FAREBOX_TEST_OWNER_URL is not set"))
struct WholeDaysTests {
    private static let spans: [(from: String?, to: String?)] = [
        (nil, nil), ("2026-10-01T02:30:00Z", "2026-10-13T02:30:00Z"),
        ("2026-10-01T02:29:59Z", "2026-10-13T02:31:00Z"), ("2026-10-01", nil),
        (nil, "2026-10-02T02:30:01Z"), ("2026-10-01T02:30:00Z", "2026-10-01T19:00:00Z"),
        ("2026-10-01T10:07:00Z", "2026-10-02T11:22:33Z"),
    ]

    /// An account in St John's (UTC−2:30) with a long stream and one with a short one; the
    /// projections have all but the last events.
    private func seed(_ ledger: LedgerFixture) async throws -> [AccountID] {
        var accounts: [AccountID] = []
        for slug in ["long", "short"] {
            var creation = Accounts.Creation(slug: slug)
            creation.timeZone = "America/St_Johns"
            let account = try await Accounts(ledger.service).create(creation, at: .sample)
            _ = try await ledger.events.append([.grant(Pico(10_000_000_000), to: account.id)])
            accounts.append(account.id)
        }
        var usage = VariedUsage()
        // It becomes long within the second step.
        for count in [3_000, 2_500, 500] {
            for _ in 0..<(count / 500) {
                _ = try await ledger.events.append(usage.events(500, of: [accounts[0]]))
            }
            _ = try await ledger.events.append(usage.events(20, of: [accounts[1]]))
            try await ledger.follow()
        }
        _ = try await ledger.events.append(usage.events(30, of: accounts))
        return accounts
    }

    @Test func `a report by days is what the events say, whatever its span cuts`() async throws {
        try await LedgerFixture.run { ledger in
            let accounts = try await seed(ledger)
            let kept = "SELECT count(*) FROM usage_days WHERE account_id = "
            #expect(try await ledger.count("\(unescaped: kept) \(accounts[0])") > 1_000)
            #expect(try await ledger.count("\(unescaped: kept) \(accounts[1])") == 0)
            for span in Self.spans {
                let (from, to) = (
                    span.from.flatMap { Instant($0) }, span.to.flatMap { Instant($0) }
                )
                for dimensions: [UsageDimension] in [
                    [.day, .model], [.month, .project], [.hour], [],
                ] {
                    for filter in [UsageFilter.all, UsageFilter(model: "claude")] {
                        let reports = try await [UsageReportQuery.Basis.projection, .events]
                            .asyncMap { basis in
                                try await ledger.events.usageReport(
                                    accounts[0],
                                    from: from,
                                    to: to,
                                    by: dimensions,
                                    of: filter,
                                    basis: basis
                                )
                            }
                        #expect(reports[0] == reports[1], "\(span), \(dimensions)")
                    }
                }
            }
        }
    }

    @Test func `days are read instead of quarters of an hour`() async throws {
        try await LedgerFixture.run { ledger in
            let accounts = try await seed(ledger)
            let truth = try await ledger.events.usageReport(accounts[0], by: [.key])
            // Quarters within the days are asked for by nobody but hours.
            try await ledger.service.transaction { session in
                _ = try session.execute("DELETE FROM usage_quarter_hours")
            }
            #expect(try await ledger.events.usageReport(accounts[0], by: [.key]) == truth)
            #expect(try await ledger.events.usageReport(accounts[0], by: [.hour]) != truth)
        }
    }

    @Test func `a rebuild makes the same days, and a check finds one that is wrong`() async throws {
        try await LedgerFixture.run { ledger in
            let accounts = try await seed(ledger)
            try await ledger.follow()
            try await ledger.expectProjectionsEqual()
            _ = try await ProjectionRebuild(.usage, ledger.service).run()
            #expect(try await ledger.count("SELECT count(DISTINCT build) FROM usage_days") == 1)
            try await ledger.expectProjectionsEqual()
            try await ledger.service.transaction { session in
                _ = try session.execute(
                    """
                    UPDATE usage_days SET calls = calls + 1
                    WHERE ctid = (SELECT max(ctid) FROM usage_days)
                    """
                )
            }
            let comparison = try await ProjectionRebuild(.usage, ledger.service).check()
            #expect(comparison.differences.map(\.account) == [accounts[0]])
        }
    }
}

extension Sequence {
    fileprivate func asyncMap<Value>(
        _ transform: (Element) async throws -> Value
    ) async rethrows -> [Value] {
        var values: [Value] = []
        for element in self { values.append(try await transform(element)) }
        return values
    }
}
