import Ledger
import Postgres
import Schema
import TestSupport
import Testing

@testable import Billing

/// What `invoice verify --all` finds beside documents that are not what their events make of them.
@Suite(.enabled(if: TestServer.isConfigured, "FAREBOX_TEST_OWNER_URL is not set"))
struct DocumentNumberTests {
    /// Four invoices of two accounts; those of the first month have a rounding to book.
    private static func run(_ body: (inout MonthStage) async throws -> Void) async throws {
        try await MonthStage.run(at: "2025-06-10T00:00:00Z") { stage in
            for slug in ["acme", "bolt"] {
                let account = try await stage.account(slug, limit: "100")
                try await stage.charge(Pico(1_004_000_000_000), account)
            }
            try await stage.advance(to: "2025-08-02T00:00:00Z")
            for slug in ["acme", "bolt"] { _ = try await stage.close("2025-07", slug) }
            #expect(try await stage.findings() == [])
            try await body(&stage)
            #expect(try await stage.findings() == [])
        }
    }

    @Test func `a document that was taken out of its run leaves a number that is missing`()
        async throws
    {
        try await Self.run { stage in
            try await stage.tamper("documents", sql: Self.takeOut("INV-2025-00002"))
            #expect(try await stage.findings() == ["INV-2025-00002 is missing"])
            try await stage.tamper("documents", sql: Self.putBack)
        }
    }

    @Test func `the last document that was taken away is missing all the same`() async throws {
        try await Self.run { stage in
            try await stage.tamper("documents", sql: Self.takeOut("INV-2025-00004"))
            #expect(try await stage.findings() == ["INV-2025-00004 is missing"])
            try await stage.tamper("documents", sql: Self.putBack)
        }
    }

    @Test func `a number that stands on two documents is named`() async throws {
        try await Self.run { stage in
            func renumber(_ old: String, _ new: String) -> String {
                "UPDATE documents SET number = '\(new)' WHERE number = '\(old)'"
            }
            try await stage.tamper("documents", sql: renumber("INV-2025-00004", "INV-2025-00001"))
            let findings = try await stage.findings()
            #expect(findings.contains("INV-2025-00001 stands on 2 documents"))
            #expect(findings.contains("INV-2025-00001 documents.number"))
            try await stage.tamper(
                "documents",
                sql: renumber("INV-2025-00001", "INV-2025-00004") + " AND sequence = 4"
            )
        }
    }

    @Test func `a counter that was set back would give a number again`() async throws {
        try await Self.run { stage in
            try await stage.tamper(sql: "UPDATE document_numbers SET last = 3")
            #expect(try await stage.findings() == ["INV-2025-* document_numbers.last"])
            try await stage.tamper(sql: "UPDATE document_numbers SET last = 4")
        }
    }

    @Test func `a counter that was set forward has lost the numbers between`() async throws {
        try await Self.run { stage in
            try await stage.tamper(sql: "UPDATE document_numbers SET last = 204")
            let findings = try await stage.findings()
            #expect(findings.count == 101)
            #expect(findings.first == "INV-2025-00005 is missing")
            #expect(findings.last == "INV-2025-00204 and all before are missing")
            try await stage.tamper(sql: "UPDATE document_numbers SET last = 4")
        }
    }

    @Test func `a rounding that was changed, taken away or booked twice is named`() async throws {
        try await Self.run { stage in
            let rounding = "kind = 'rounding' AND data->>'invoice' = 'INV-2025-00001'"
            for (change, undo, found) in [
                (
                    "UPDATE events SET amount_pico = amount_pico + 1 WHERE \(rounding)",
                    "UPDATE events SET amount_pico = amount_pico - 1 WHERE \(rounding)",
                    ["INV-2025-00001 events.rounding"]
                ),
                (
                    "UPDATE events SET data = jsonb_set(data, '{invoice}', '\"X\"') WHERE \(rounding)",
                    """
                    UPDATE events SET data = jsonb_set(data, '{invoice}', '"INV-2025-00001"')
                    WHERE kind = 'rounding' AND data->>'invoice' = 'X'
                    """,
                    ["INV-2025-00001 events.invoice"]
                ),
                (
                    """
                    INSERT INTO events (account_id, version, event_id, kind, occurred_at,
                        recorded_at, amount_pico, content_hash, data)
                    SELECT account_id, version + 3, gen_random_uuid(), kind, occurred_at,
                        recorded_at, amount_pico, content_hash, data FROM events WHERE \(rounding);
                    UPDATE account_heads SET version = version + 2 WHERE account_id IN
                        (SELECT account_id FROM events WHERE \(rounding))
                    """,
                    """
                    UPDATE account_heads SET version = version - 2 WHERE account_id IN
                        (SELECT account_id FROM events WHERE \(rounding));
                    DELETE FROM events WHERE \(rounding) AND version > 4
                    """,
                    [
                        "INV-2025-00001 version 7 of the stream books a rounding of 0.004 that no"
                            + " document has"
                    ]
                ),
            ] {
                try await stage.tamper("events", sql: change)
                let findings = try await stage.findings()
                #expect(findings == found, "\(findings)")
                try await stage.tamper("events", sql: undo)
            }
        }
    }

    private static func takeOut(_ number: String) -> String {
        """
        CREATE TABLE taken_out AS SELECT * FROM documents WHERE number = '\(number)';
        DELETE FROM documents WHERE number = '\(number)'
        """
    }

    private static let putBack =
        "INSERT INTO documents SELECT * FROM taken_out; DROP TABLE taken_out"
}

extension MonthStage {
    /// What is found in all documents, each behind its number.
    fileprivate func findings() async throws -> [String] {
        // As after a restart: nothing is remembered of the closing.
        try await Invoices(database).verifyAll().wrong.flatMap { verdict in
            verdict.differences.map { "\(verdict.number) \($0.place)" }
                + (verdict.failure.map { ["\(verdict.number) \($0)"] } ?? [])
        }
    }
}
