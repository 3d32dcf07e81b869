import Ledger
import Postgres
import Schema
import TestSupport
import Testing

@testable import Billing

/// Calls that come behind the close of their month, at an issuer who says how late they may.
@Suite(.enabled(if: TestServer.isConfigured, "FAREBOX_TEST_OWNER_URL is not set"))
struct LateWindowTests {
    private static let dollar = Pico(1_000_000_000_000)

    /// June, closed on 2 July, of an issuer who charges calls from the last ten days of it.
    private static func run(
        lateDays: Int32? = 10,
        _ body: (inout MonthStage, AccountID) async throws -> Void
    ) async throws {
        try await MonthStage.run(at: "2025-06-10T00:00:00Z") { stage in
            try await stage.setWindow(lateDays)
            let account = try await stage.account(limit: "100")
            try await stage.charge(dollar, account)
            try await stage.advance(to: "2025-07-02T00:00:00Z")
            let june = try await stage.close("2025-06")
            #expect(june.map(\.totals.due.count) == [100])
            try await body(&stage, account)
        }
    }

    @Test func `a call within the window is charged, dated, on the next invoice`() async throws {
        try await Self.run { stage, account in
            // The first instant that is still charged.
            try await stage.charge(Self.dollar, account, at: "2025-06-21T00:00:00Z")
            try await stage.advance(to: "2025-08-02T00:00:00Z")
            let july = try await stage.close("2025-07")
            #expect(july.map(\.totals.due.count) == [100])
            #expect(july[0].lines.map { $0.serviceMonth?.description } == ["2025-06"])
            #expect(try await stage.lateMessages().isEmpty)
        }
    }

    @Test func `a call beyond the window is recorded at no charge, told, and never dropped`()
        async throws
    {
        try await Self.run { stage, account in
            let before = try await Accounts(stage.database).show("acme")
            let price = Pico(3_000_000_000_000)
            let late = try await stage.append(price, account, at: "2025-06-20T23:59:59Z")
            #expect(late == .late(version: before.version + 1, excess: price))
            #expect(try await Accounts(stage.database).show("acme").balance == before.balance)
            let messages = try await stage.lateMessages()
            #expect(messages.count == 1)
            #expect(messages[0].contains(#""calls": 1, "charge": "3", "first_at": "2025-06-20T"#))
            #expect(messages[0].contains(#""charged_from": "2025-06-21T00:00:00Z""#))
            // It is on the next document, free, and on no other.
            try await stage.advance(to: "2025-08-02T00:00:00Z")
            let july = try await stage.close("2025-07")
            #expect(july.map(\.totals.due.count) == [0])
            #expect(july.map(\.events) == [1])
            let verdicts = try await stage.invoices.verdicts()
            #expect(verdicts.count == 2)
            #expect(verdicts.allSatisfy { $0.isOK })
        }
    }

    @Test func `a late call that is billed for a month that was given up`() async throws {
        try await Self.run { stage, account in
            try await stage.append(Self.dollar, account, at: "2025-06-01T00:00:00Z")
            // Charged by a hand that forgets the rule: the rows agree with each other, and it shows.
            try await stage.tamper(
                "events",
                sql: """
                    UPDATE events SET amount_pico = -charge_pico, excess_pico = 0
                    WHERE occurred_at = '2025-06-01T00:00:00Z';
                    UPDATE account_heads SET balance = balance - 1000000000000
                    """
            )
            let findings = try await Verification(stage.database).run().findings
            #expect(findings.contains { $0.invariant == "I7" && $0.version == 4 })
            try await stage.tamper(
                "events",
                sql: """
                    UPDATE events SET amount_pico = 0, excess_pico = charge_pico
                    WHERE occurred_at = '2025-06-01T00:00:00Z';
                    UPDATE account_heads SET balance = balance + 1000000000000
                    """
            )
        }
    }

    @Test func `a head that forgot from when on it charges`() async throws {
        try await Self.run { stage, _ in
            let change = "UPDATE account_heads SET charged_from = charged_from"
            try await stage.tamper(sql: "\(change) - interval '1 day'")
            let findings = try await Verification(stage.database).run().findings
            #expect(findings.map(\.invariant) == ["I6"])
            try await stage.tamper(sql: "\(change) + interval '1 day'")
        }
    }

    @Test func `without a window every call is charged, however late`() async throws {
        try await Self.run(lateDays: nil) { stage, account in
            try await stage.charge(Self.dollar, account, at: "2025-06-01T00:00:00Z")
            // What an issuer sets counts from the next close on.
            try await stage.setWindow(0)
            try await stage.charge(Self.dollar, account, at: "2025-06-02T00:00:00Z")
            try await stage.advance(to: "2025-08-02T00:00:00Z")
            #expect(try await stage.close("2025-07").map(\.totals.due.count) == [200])
            let late = try await stage.append(Self.dollar, account, at: "2025-07-31T23:59:59Z")
            guard case .late = late else {
                Issue.record("a month whose window is empty is closed for good: \(late)")
                return
            }
            // And is charged again once the issuer has taken the window away.
            try await stage.setWindow(nil)
            try await stage.advance(to: "2025-09-02T00:00:00Z")
            _ = try await stage.close("2025-08")
            try await stage.charge(Self.dollar, account, at: "2025-07-31T23:59:59Z")
        }
    }

    @Test func `an explanation says that a call came too late`() async throws {
        try await Self.run { stage, account in
            _ = try await stage.append(Self.dollar, account, at: "2025-06-01T00:00:00Z")
            try await stage.charge(Self.dollar, account, at: "2025-06-30T00:00:00Z")
            let store = EventStore(stage.database)
            var found: [Bool] = []
            for recorded in try await store.events(of: account).suffix(2) {
                found.append(try await store.isTooLate(recorded))
            }
            #expect(found == [true, false])
        }
    }
}

extension MonthStage {
    /// Sets how many days before a closed month's end are still charged.
    func setWindow(_ days: Int32?) async throws {
        var issuer = Issuer(slug: "us", series: "INV", party: DocumentParty(legalName: "Us Ltd"))
        issuer.lateDays = days
        _ = try await parties.setIssuer(issuer, at: now)
    }

    fileprivate func lateMessages() async throws -> [String] {
        try await database.read { session in
            try session.execute(
                "SELECT body FROM webhook_messages WHERE kind = 'usage.late'"
            ).map { try $0.get("body", as: String.self) }
        }
    }
}

extension Invoices {
    /// What comes of making every document again, one by one.
    func verdicts() async throws -> [DocumentVerdict] {
        var verdicts: [DocumentVerdict] = []
        for number in try await numbers() { verdicts.append(try await verify(number)) }
        return verdicts
    }
}
