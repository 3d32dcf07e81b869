import Postgres
import Schema
import TestSupport
import Testing

@testable import Ledger

@Suite(.enabled(if: TestServer.isConfigured, "FAREBOX_TEST_OWNER_URL is not set"))
struct ImmutabilityTests {
    private static let attacks = [
        "UPDATE events SET amount_pico = 0",
        "DELETE FROM events",
        "TRUNCATE events",
        "UPDATE seals SET format = 2",
        "DELETE FROM seals",
        "TRUNCATE seals",
        "UPDATE audit_entries SET actor = 'nobody'",
        "DELETE FROM audit_entries",
        "TRUNCATE audit_entries",
    ]

    @Test func `the service may not change events, by privilege`() async throws {
        try await LedgerFixture.run { ledger in
            _ = try await ledger.account(credit: Pico(1))
            for attack in Self.attacks {
                await expect("42501", ledger.service, attack)
            }
        }
    }

    @Test func `the owner may not change events, by trigger, on no partition`() async throws {
        try await LedgerFixture.run { ledger in
            let account = try await ledger.account(credit: Pico(1))
            _ = try await Sealer(ledger.service).sweep()
            let partition = try await ledger.owner.read { session in
                try session.execute(
                    """
                    SELECT tableoid::regclass::text AS name FROM events
                    WHERE account_id = \(account)
                    """
                ).single().get("name", as: String.self)
            }
            for attack in Self.attacks {
                await expect("23000", ledger.owner, attack)
                let direct = attack.replacing("events", with: partition)
                await expect("23000", ledger.owner, direct)
            }
            for number in 0..<16 {
                await expect("23000", ledger.owner, "TRUNCATE events_\(number)")
                await expect("23000", ledger.owner, "TRUNCATE seals_\(number)")
            }
            #expect(try await ledger.count("SELECT count(*) FROM events") == 1)
        }
    }

    @Test func `the service may not move an account to another time zone`() async throws {
        try await LedgerFixture.run { ledger in
            _ = try await ledger.account(credit: Pico(1))
            let attack = "UPDATE accounts SET time_zone = 'Asia/Tokyo'"
            await expect("42501", ledger.service, attack)
        }
    }

    @Test func `whatever people make or change by hand is noted, also in replica sessions`()
        async throws
    {
        try await LedgerFixture.run { ledger in
            let noted = try await ledger.owner.read { session in
                try session.execute(
                    """
                    SELECT tgrelid::regclass::text AS name FROM pg_trigger
                    WHERE tgfoid = 'note_act'::regproc AND tgenabled = 'A' ORDER BY name
                    """
                ).map { try $0.get("name", as: String.self) }
            }
            let expected: Set = [
                "account_heads", "accounts", "admin_tokens", "api_keys", "billing_profiles",
                "document_payments", "documents", "grants", "issuers", "payment_clawbacks",
                "price_versions", "projects", "spend_caps", "tax_rules", "top_ups",
                "webhook_endpoints",
            ]
            #expect(expected.subtracting(noted).isEmpty)
        }
    }

    @Test func `every guard is ENABLE ALWAYS, so that replica sessions meet it too`() async throws {
        try await LedgerFixture.run { ledger in
            let guards = try await ledger.count(
                """
                SELECT count(*) FROM pg_trigger
                WHERE tgfoid = 'refuse_change'::regproc AND tgenabled = 'A'
                """
            )
            // Of events, seals and their partitions, of four tables of prices, two of plans, seven
            // of months and documents, two of top-ups, the audit trail, and the verifications.
            #expect(guards == 17 * 2 * 2 + 4 * 2 + 2 * 2 + 7 * 2 + 2 * 2 + 2 + 2)
            let others = try await ledger.count(
                """
                SELECT count(*) FROM pg_trigger
                WHERE tgfoid = 'refuse_change'::regproc AND tgenabled <> 'A'
                """
            )
            #expect(others == 0)
        }
    }

    @Test func `the database itself refuses an overspent head`() async throws {
        try await LedgerFixture.run { ledger in
            let account = try await ledger.account(credit: Pico(10))
            for change: SQL in ["escrowed = 11", "balance = -1", "escrowed = -1"] {
                let error = await #expect(throws: PostgresError.self) {
                    try await ledger.service.read { session in
                        _ = try session.execute(
                            """
                            UPDATE account_heads SET \(change) WHERE account_id = \(account)
                            """
                        )
                    }
                }
                #expect(error?.sqlState == .checkViolation)
            }
        }
    }

    @Test func `every unique key of a table that accounts own contains the account`() async throws {
        try await LedgerFixture.run { ledger in
            let offenders = try await ledger.owner.read { session in
                try session.execute(
                    """
                    SELECT indexrelid::regclass::text AS name FROM pg_index
                    JOIN pg_attribute AS owned
                        ON owned.attrelid = indrelid AND owned.attname = 'account_id'
                    WHERE indisunique AND indrelid::regclass::text <> 'accounts'
                        AND indrelid::regclass::text !~ '^pg_'
                        AND NOT owned.attnum = ANY(indkey)
                    """
                ).map { try $0.get("name", as: String.self) }
            }
            #expect(offenders == [])
        }
    }

    @Test func `the migrations are those that the program requires`() async throws {
        try await LedgerFixture.run { ledger in
            try await Migrator.verify(required: RequiredMigrations.names, in: ledger.service)
        }
    }

    private func expect(
        _ state: SQLState,
        _ database: Database,
        _ statement: String
    ) async {
        let error = await #expect(throws: PostgresError.self, "\(statement)") {
            try await database.read { session in
                _ = try session.execute("\(unescaped: statement)")
            }
        }
        #expect(error?.sqlState == state, "\(statement)")
    }
}
