import Ledger
import Postgres
import Schema
import TestSupport
import Testing

@testable import Billing

/// Documents of a real database, made again.
@Suite(.enabled(if: TestServer.isConfigured, "FAREBOX_TEST_OWNER_URL is not set"))
struct DocumentVerificationTests {
    /// Two invoices with tax: June of 10.00, and July with a call that was late.
    private static func run(_ body: (inout MonthStage) async throws -> Void) async throws {
        try await MonthStage.run(at: "2025-06-10T00:00:00Z") { stage in
            let account = try await stage.account(limit: "100")
            let tax = TaxRule(category: .standard, rate: 19_000, reason: nil)
            _ = try await stage.parties.setTax(tax, of: "acme", at: stage.now)
            try await stage.grant("1", .promotional)
            try await stage.charge(Pico(11_004_000_000_000), account, tokens: 7)
            _ = try await Sealer(stage.database).sweep()
            try await stage.advance(to: "2025-07-02T00:00:00Z")
            try await stage.charge(Pico(2_000_000_000_002), account)
            _ = try await stage.close("2025-06")
            try await stage.charge(Pico(3_000_000_000_003), account, at: "2025-06-30T23:59:00Z")
            try await stage.advance(to: "2025-08-02T00:00:00Z")
            _ = try await stage.close("2025-07")
            try await body(&stage)
        }
    }

    /// What differs in all documents, each place behind its document's number.
    private static func places(_ stage: MonthStage) async throws -> [String] {
        // As after a restart: nothing is remembered of the closing.
        let invoices = Invoices(stage.database)
        let verdicts = try await invoices.verdicts()
        // One by one, or all by one reading of each stream: the same is found.
        let report = try await invoices.verifyAll()
        #expect(report.documents == verdicts.count)
        #expect(report.wrong == verdicts.filter { !$0.isOK })
        return verdicts.flatMap { verdict in
            verdict.differences.map { "\(verdict.number) \($0.place)" }
        }
    }

    @Test func `months are made again to the byte, whatever has happened since`() async throws {
        try await Self.run { stage in
            let june = try await stage.invoices.show("INV-2025-00001").document
            #expect(june.seals.count == 1 && june.creditsApplied.count == 1)
            #expect(try await Self.places(stage) == [])
            // Later seals, details and taxes are those of later documents.
            _ = try await Sealer(stage.database).sweep()
            _ = try await stage.parties.setProfile(
                DocumentParty(legalName: "Moved Inc."),
                issuer: nil,
                of: "acme",
                at: stage.now
            )
            let tax = TaxRule(category: .standard, rate: 7_000, reason: nil)
            _ = try await stage.parties.setTax(tax, of: "acme", at: stage.now)
            #expect(try await stage.invoices.numbers().count == 2)
            #expect(try await Self.places(stage) == [])
        }
    }

    @Test func `credit notes are made again, of invoices that are paid and that are not`()
        async throws
    {
        try await Self.run { stage in
            try await stage.credit("INV-2025-00001", "3.33")
            try await stage.credit("INV-2025-00001", "0.01", reason: "again")
            try await stage.pay("INV-2025-00002", "bank-1")
            try await stage.credit("INV-2025-00002")
            #expect(try await stage.invoices.numbers().count == 5)
            #expect(try await Self.places(stage) == [])
            try await stage.tamper(
                "documents",
                sql: """
                    UPDATE documents SET net = net + 1, tax = tax - 1
                    WHERE number = 'INV-CN-2025-00001'
                    """
            )
            let places = try await Self.places(stage)
            #expect(places.contains("INV-CN-2025-00001 documents.net"))
            #expect(!places.contains { $0.hasPrefix("INV-CN-2025-00003") })
        }
    }

    @Test func `receipts are made again of events, whatever the row of the grant says`()
        async throws
    {
        try await Self.run { stage in
            try await stage.grant("7.005")
            _ = try await stage.invoices.issueReceipts("acme", at: stage.now)
            #expect(try await stage.invoices.numbers().count == 3)
            #expect(try await Self.places(stage) == [])
            try await stage.tamper("grants", sql: "UPDATE grants SET reference = grant_id::text")
            #expect(
                try await Self.places(stage) == ["INV-2025-00001 credits_applied[0].reference"]
            )
            try await stage.tamper("grants", sql: "UPDATE grants SET reference = NULL")
        }
    }

    @Test func `a figure that was changed in a document with its hash is named`() async throws {
        try await Self.run { stage in
            let change = """
                UPDATE documents SET body = replace(body, '%', '#') WHERE number = 'INV-2025-00001';
                UPDATE documents SET sha256 = sha256(convert_to(body, 'UTF8'))
                """
            func replace(_ old: String, _ new: String) -> String {
                change.replacing("%", with: old).replacing("#", with: new)
            }
            let due = try await stage.invoices.show("INV-2025-00001").document.totals.due.count
            try await stage.tamper(
                "documents",
                sql: replace("\"due\":\(due)", "\"due\":\(due + 1)")
            )
            #expect(try await Self.places(stage) == ["INV-2025-00001 totals.due"])
            let verdict = try await stage.invoices.verify("INV-2025-00001")
            #expect(verdict.differences.map(\.stored) == ["\(due + 1)"])
            #expect(verdict.differences.map(\.recomputed) == ["\(due)"])
            // The same values with a blank are other bytes.
            try await stage.tamper(
                "documents",
                sql: replace("\"due\":\(due + 1)", "\"due\": \(due)")
            )
            #expect(try await Self.places(stage) == ["INV-2025-00001 documents.body"])
        }
    }

    @Test func `bytes that are not those of their hash are named`() async throws {
        try await Self.run { stage in
            func rename(_ old: String, _ new: String) async throws {
                try await stage.tamper(
                    "documents",
                    sql: """
                        UPDATE documents SET body = replace(body, '\(old)', '\(new)')
                        WHERE number = 'INV-2025-00002'
                        """
                )
            }
            try await rename("acme Inc.", "evil Inc.")
            #expect(
                try await Self.places(stage) == [
                    "INV-2025-00002 customer.legal_name", "INV-2025-00002 documents.sha256",
                ]
            )
            try await rename("evil Inc.", "acme Inc.")
            #expect(try await Self.places(stage) == [])
        }
    }

    @Test func `what was kept of a month is compared, and never believed`() async throws {
        try await Self.run { stage in
            try await stage.tamper(
                "period_lines",
                "periods",
                sql: """
                    UPDATE period_lines SET charge_pico = 0 WHERE month = '2025-06-01';
                    UPDATE periods SET closing_version = closing_version - 1
                    WHERE month = '2025-06-01'
                    """
            )
            let places = try await Self.places(stage)
            // July is less of June's calls, and yet what it was.
            #expect(places.allSatisfy { $0.hasPrefix("INV-2025-00001 period") })
            #expect(places.count == 2)
            #expect(places.contains("INV-2025-00001 periods.closing_version"))
        }
    }

    @Test func `a checkpoint that lies changes no verdict`() async throws {
        try await Self.run { stage in
            try await stage.tamper(
                "period_checkpoints",
                sql: """
                    INSERT INTO period_checkpoints (account_id, version, state)
                    SELECT account_id, 1, '{}' FROM accounts
                    ON CONFLICT (account_id) DO UPDATE SET state = '{}'
                    """
            )
            #expect(try await Self.places(stage) == [])
        }
    }

    @Test func `a document that is not there has no verdict`() async throws {
        try await MonthStage.run(at: "2025-06-10T00:00:00Z") { stage in
            let stage = stage
            let error = await #expect(throws: LedgerError.self) {
                try await stage.invoices.verify("INV-2025-00009")
            }
            #expect(error?.code == .notFound)
        }
    }
}
