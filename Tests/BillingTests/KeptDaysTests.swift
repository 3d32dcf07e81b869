import Ledger
import Postgres
import Schema
import TestSupport
import Testing

@testable import Billing

/// Closed months, where the zone of their account or what is known of it has changed since.
@Suite(.enabled(if: TestServer.isConfigured, "FAREBOX_TEST_OWNER_URL is not set"))
struct KeptDaysTests {
    private static let vat = TaxRule(category: .standard, rate: 19_000, reason: nil)

    /// June and July closed in St John's (UTC−2:30), with a call of June that was late, a receipt and
    /// a credit note; each month ends with a call that another zone has in the next.
    private static func run(
        _ body: (inout MonthStage, AccountID) async throws -> Void
    ) async throws {
        try await MonthStage.run(at: "2025-06-10T00:00:00Z") { stage in
            let account = try await stage.account(zone: "America/St_Johns", limit: "100")
            _ = try await stage.parties.setTax(vat, of: "acme", at: stage.now)
            try await stage.advance(to: "2025-06-15T01:00:00Z")
            try await stage.grant("2")
            _ = try await stage.invoices.issueReceipts("acme", at: stage.now)
            try await stage.charge(Pico(3_000_000_000_000), account, at: "2025-07-01T02:29:00Z")
            try await stage.charge(Pico(5_000_000_000_000), account, at: "2025-07-01T02:30:00Z")
            try await stage.advance(to: "2025-07-02T00:00:00Z")
            let june = try #require(try await stage.close("2025-06").first?.number)
            try await stage.charge(Pico(7_000_000_000_000), account, at: "2025-07-01T02:28:00Z")
            try await stage.charge(Pico(11_000_000_000_000), account, at: "2025-08-01T02:29:00Z")
            try await stage.advance(to: "2025-08-02T01:00:00Z")
            _ = try await stage.close("2025-07")
            try await stage.credit(june, "0.50")
            try await stage.pay(june, "bank-1")
            try await body(&stage, account)
        }
    }

    /// All that can be taken away of the closed months.
    private static func exports(_ stage: MonthStage) async throws -> [String] {
        var exports: [String] = []
        for number in try await stage.invoices.numbers() {
            let export = try await stage.invoices.export(of: number)
            exports.append(String(decoding: try export.bytes(.json), as: UTF8.self))
            exports.append("\(try export.bytes(.pdf).hashValue)")
        }
        for month in [Month("2025-06"), Month("2025-07")].compactMap(\.self) {
            for form in GeneralLedger.Form.allCases {
                var text = ""
                try await GeneralLedger(stage.database)
                    .export(month, of: nil, as: form, at: stage.now) { text += $0 }
                exports.append(text)
            }
            var text = ""
            try await FocusExport(stage.database)
                .export(month, of: nil, at: stage.now) { text += $0 }
            exports.append(text)
        }
        return exports
    }

    private static func requireSound(_ stage: MonthStage) async throws {
        let invoices = Invoices(stage.database)
        #expect(try await invoices.verdicts().filter { !$0.isOK } == [])
        #expect(try await invoices.verifyAll().wrong == [])
    }

    @Test func `a closed month is what it was, whatever zone its account has by then`()
        async throws
    {
        try await Self.run { stage, account in
            let before = try await Self.exports(stage)
            let documents = try await stage.invoices.list()
            #expect(
                documents.compactMap(\.document.period).map(\.endsAt.description) == [
                    "2025-07-01T02:30:00Z", "2025-08-01T02:30:00Z",
                ]
            )
            try await stage.move(to: "Pacific/Kiritimati")
            try await Self.requireSound(stage)
            #expect(try await Self.exports(stage) == before)
            // August begins where July ended, and ends by the new zone; what is late is dated by
            // the months as they were.
            try await stage.charge(Pico(1_000_000_000_000), account, at: "2025-07-31T12:00:00Z")
            try await stage.charge(Pico(1_000_000_000_000), account, at: "2025-08-01T02:31:00Z")
            try await stage.advance(to: "2025-09-02T00:00:00Z")
            try await stage.charge(Pico(1_000_000_000_000), account, at: "2025-08-31T10:00:00Z")
            let august = try #require(try await stage.close("2025-08").first)
            #expect(august.period?.startsAt == Instant("2025-08-01T02:30:00Z"))
            #expect(august.period?.endsAt == Instant("2025-08-31T10:00:00Z"))
            #expect(august.lines.map { $0.serviceMonth?.description } == ["2025-07", nil])
            try await Self.requireSound(stage)
        }
    }

    @Test func `a closed month is what it was, whatever is known of its zone by then`()
        async throws
    {
        try await Self.run { stage, account in
            let before = try await stage.invoices.list()
            try await stage.shiftZones(bySeconds: 3_600)
            try await Self.requireSound(stage)
            #expect(try await stage.invoices.list() == before)
            try await stage.charge(Pico(1_000_000_000_000), account, at: "2025-07-01T02:45:00Z")
            try await stage.advance(to: "2025-09-02T00:00:00Z")
            let august = try #require(try await stage.close("2025-08").first)
            #expect(august.period?.endsAt == Instant("2025-09-01T03:30:00Z"))
            #expect(august.lines.map { $0.serviceMonth?.description } == ["2025-07"])
            try await Self.requireSound(stage)
        }
    }

    @Test func `an open month that was summed up by another zone is summed up anew`()
        async throws
    {
        try await MonthStage.run(at: "2025-06-10T00:00:00Z") { stage in
            let account = try await stage.account(limit: "100")
            for hour in 10...13 {
                try await stage.charge(Pico(1), account, at: "2025-06-30T\(hour):00:00Z")
            }
            try await PeriodCatchUp(stage.database, pageSize: 2).run("acme", at: stage.now)
            try await stage.move(to: "Pacific/Kiritimati")
            try await PeriodCatchUp(stage.database, pageSize: 2).run("acme", at: stage.now)
            try await stage.advance(to: "2025-07-02T00:00:00Z")
            // In Kiritimati (UTC+14) July begins at ten.
            #expect(try await stage.close("2025-06").map(\.events) == [0])
            try await stage.advance(to: "2025-08-02T00:00:00Z")
            #expect(try await stage.close("2025-07").map(\.events) == [4])
            try await Self.requireSound(stage)
        }
    }

    @Test func `a month is taxed by the rule of its end, whenever it is closed`() async throws {
        try await MonthStage.run(at: "2025-06-10T00:00:00Z") { stage in
            let account = try await stage.account(limit: "100")
            _ = try await stage.parties.setTax(Self.vat, of: "acme", at: stage.now)
            for date in ["2025-06-20", "2025-07-20", "2025-08-20"] {
                try await stage.charge(Pico(10_000_000_000_000), account, at: "\(date)T00:00:00Z")
            }
            try await stage.advance(to: "2025-07-15T00:00:00Z")
            let lower = TaxRule(
                category: .standard,
                rate: 16_000,
                reason: nil,
                effectiveAt: Instant("2025-08-01T00:00:00Z")
            )
            _ = try await stage.parties.setTax(lower, of: "acme", at: stage.now)
            try await stage.advance(to: "2025-09-02T00:00:00Z")
            // One that is set now is for what comes.
            let free = TaxRule(category: .exempt, rate: 0, reason: "moved")
            _ = try await stage.parties.setTax(free, of: "acme", at: stage.now)
            #expect(
                try await stage.close("2025-08").map(\.totals.tax.count) == [190, 190, 160]
            )
            try await Self.requireSound(stage)
        }
    }

    @Test func `a rule of tax that was wrong is corrected from its own beginning on`()
        async throws
    {
        try await MonthStage.run(at: "2025-06-10T00:00:00Z") { stage in
            let account = try await stage.account(limit: "100")
            let wrong = try await stage.parties.setTax(Self.vat, of: "acme", at: stage.now)
            try await stage.charge(Pico(10_000_000_000_000), account)
            try await stage.advance(to: "2025-07-02T00:00:00Z")
            // The same again is no new rule.
            let again = try await stage.parties.setTax(Self.vat, of: "acme", at: stage.now)
            #expect(again == wrong)
            let right = TaxRule(
                category: .standard,
                rate: 7_000,
                reason: nil,
                effectiveAt: wrong.effectiveAt
            )
            let set = try await stage.parties.setTax(right, of: "acme", at: stage.now)
            #expect(set.revision == wrong.revision + 1)
            #expect(try await stage.close("2025-06").map(\.totals.tax.count) == [70])
        }
    }
}

extension MonthStage {
    /// Gives the account another zone, which no command does.
    fileprivate func move(to zone: String) async throws {
        try await owner.transaction { session in
            _ = try session.execute(
                "UPDATE accounts SET time_zone = \(zone) WHERE slug = 'acme'"
            )
        }
    }

    /// Has every zone's days begin later, as another edition of the zones would.
    fileprivate func shiftZones(bySeconds seconds: Int) async throws {
        try await owner.read { session in
            try session.script(
                """
                ALTER FUNCTION first_instant(date, text) RENAME TO known_first_instant;
                CREATE FUNCTION first_instant(day date, zone text) RETURNS timestamptz
                    LANGUAGE sql STABLE STRICT
                    AS 'SELECT known_first_instant(day, zone) + interval ''\(seconds) seconds''';
                """
            )
        }
    }
}
