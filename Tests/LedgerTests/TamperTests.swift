import Digest
import Postgres
import Schema
import TestSupport
import Testing

@testable import Ledger

/// Somebody with every right over the database changes sealed events, and is found and located.
@Suite(.enabled(if: TestServer.isConfigured, "FAREBOX_TEST_OWNER_URL is not set"))
struct TamperTests {
    /// What is done to a stream with seals of versions 1–3 and 4–7, and what must be named.
    ///
    /// Sums are kept right, so that only contents and seals can tell.
    private static let attacks: [(name: String, sql: String, version: Int64)] = [
        (
            "an event is cut out and those behind it move up",
            """
            DELETE FROM events WHERE version = 5;
            UPDATE events SET version = 5 WHERE version = 6;
            UPDATE events SET version = 6 WHERE version = 7;
            UPDATE account_heads SET version = 6, balance = (SELECT sum(amount_pico) FROM events)
            """, 5
        ),
        (
            "the tail is cut off, with its head",
            """
            DELETE FROM events WHERE version > 5;
            UPDATE account_heads SET version = 5, balance = (SELECT sum(amount_pico) FROM events)
            """, 6
        ),
        (
            "the tail is cut off, with its seal",
            """
            DELETE FROM events WHERE version > 3; DELETE FROM seals WHERE first_version > 3;
            UPDATE account_heads SET version = 3, balance = (SELECT sum(amount_pico) FROM events)
            """, 4
        ),
        (
            "two events change places",
            """
            UPDATE events SET version = 99 WHERE version = 4;
            UPDATE events SET version = 4 WHERE version = 6;
            UPDATE events SET version = 6 WHERE version = 99
            """, 4
        ),
        (
            "an event is put between others",
            """
            UPDATE events SET version = version + 100 WHERE version >= 5;
            UPDATE events SET version = version - 99 WHERE version >= 100;
            CREATE TEMP TABLE copy ON COMMIT DROP AS SELECT * FROM events WHERE version = 4;
            UPDATE copy SET version = 5, event_id = gen_random_uuid(), request_id = gen_random_uuid();
            INSERT INTO events SELECT * FROM copy;
            UPDATE account_heads SET version = 8, balance = (SELECT sum(amount_pico) FROM events)
            """, 5
        ),
        (
            "an event is replaced by another whole one",
            """
            CREATE TEMP TABLE copy ON COMMIT DROP AS SELECT * FROM events WHERE version = 4;
            UPDATE copy SET version = 6; DELETE FROM events WHERE version IN (4, 6);
            INSERT INTO events SELECT * FROM copy;
            UPDATE copy SET version = 4, event_id = gen_random_uuid();
            INSERT INTO events SELECT * FROM copy
            """, 4
        ),
        (
            "a text becomes none that can be read",
            """
            UPDATE events SET data = data || '{"priority": "high"}' WHERE version = 1;
            UPDATE events SET data = data || '{"limit_pico": "much"}' WHERE version = 2
            """, 1
        ),
        ("a seal is deleted", "DELETE FROM seals WHERE first_version = 1", 1),
        (
            "a seal's hash is changed",
            "UPDATE seals SET hash = sha256('x') WHERE first_version = 4", 4
        ),
        (
            "a seal's link is changed",
            "UPDATE seals SET previous_hash = sha256('x') WHERE first_version = 4", 4
        ),
        (
            "a seal is dated back",
            "UPDATE seals SET sealed_at = sealed_at - interval '1 day' WHERE first_version = 4", 4
        ),
        ("a seal is said to be of another form", "UPDATE seals SET format = 2", 1),
        (
            "seals and their checkpoint are deleted",
            "DELETE FROM seals WHERE first_version > 3; UPDATE seal_checkpoints SET version = 9", 4
        ),
    ]

    @Test func `every kind of tampering is found and located`() async throws {
        try await withSealedStream { ledger, account in
            let verification = Verification(ledger.owner)
            #expect(try await verification.run().findings == [])
            for attack in Self.attacks {
                try await ledger.keepingTables {
                    try await ledger.tamper(attack.sql)
                } then: {
                    let report = try await verification.run(account: account)
                    let first = report.findings.first { $0.invariant == "I2" }
                    #expect(
                        first?.version == attack.version,
                        "\(attack.name): \(report.findings)"
                    )
                    #expect(try await verification.run() == report, "\(attack.name)")
                }
            }
            #expect(try await verification.run().findings == [])
        }
    }

    @Test func `no column of a sealed event can be changed unnoticed`() async throws {
        try await withSealedStream { ledger, account in
            let columns = try await ledger.owner.read { session in
                try session.execute(
                    """
                    SELECT column_name::text AS name, data_type::text AS type,
                        coalesce(domain_name, '')::text AS domain
                    FROM information_schema.columns WHERE table_name = 'events'
                    """
                ).map { row in
                    (
                        name: try row.get("name", as: String.self),
                        type: try row.get("type", as: String.self),
                        domain: try row.get("domain", as: String.self)
                    )
                }
            }
            #expect(columns.count > 40)
            try await ledger.owner.read { session in
                try session.script(
                    """
                    ALTER TABLE events DROP CONSTRAINT events_are_complete,
                        DROP CONSTRAINT events_charge_is_bounded
                    """
                )
            }
            // A grant and a call.
            for version in [1, 5] {
                for column in columns where !["account_id", "version"].contains(column.name) {
                    let value = Self.otherValue(column.name, column.type, column.domain)
                    let sql =
                        "UPDATE events SET \(column.name) = \(value) WHERE version = \(version)"
                    try await ledger.keepingTables {
                        try await ledger.tamper(sql)
                    } then: {
                        let report = try await Verification(ledger.owner).run(account: account)
                        let found = report.findings.contains {
                            $0.invariant == "I2" && $0.version == Int64(version)
                        }
                        #expect(found, "\(sql): \(report.findings)")
                    }
                }
            }
        }
    }

    /// An expression for a value that the column does not have.
    private static func otherValue(_ name: String, _ type: String, _ domain: String) -> String {
        switch domain {
        case "event_kind": "CASE \(name) WHEN 'usage' THEN 'credit_adjusted' ELSE 'usage' END"
        case "sha256_digest": "sha256('x')"
        case "currency_code": "CASE \(name) WHEN 'EUR' THEN 'GBP' ELSE 'EUR' END"
        case "endpoint": "CASE \(name) WHEN 'messages' THEN 'chat_completions' ELSE 'messages' END"
        case "service_tier": "CASE \(name) WHEN 'flex' THEN 'batch' ELSE 'flex' END"
        case "usage_outcome": "CASE \(name) WHEN 'timed_out' THEN 'completed' ELSE 'timed_out' END"
        case "usage_source": "CASE \(name) WHEN 'counted' THEN 'none' ELSE 'counted' END"
        default:
            switch type {
            case "uuid": "gen_random_uuid()"
            case "text": "coalesce(\(name), '') || 'x'"
            case "boolean": "coalesce(NOT \(name), true)"
            case "timestamp with time zone": "coalesce(\(name), now()) - interval '1 second'"
            case "jsonb": "coalesce(\(name), '{}') || '{\"more\": 1}'"
            default: "coalesce(\(name), 0) + 1"
            }
        }
    }

    @Test func `an event whose hash was rewritten with it is named by its seal`() async throws {
        try await withSealedStream { ledger, account in
            try await ledger.rewrite(version: 5, of: account)
            let report = try await Verification(ledger.owner).run()
            #expect(report.findings.map(\.version) == [5])
            #expect(report.findings.map(\.invariant) == ["I2"])
        }
    }

    @Test func `an event whose hash and seal were rewritten with it breaks the next seal`()
        async throws
    {
        try await withSealedStream { ledger, account in
            try await ledger.rewrite(version: 2, of: account)
            let seals = try await Seals(ledger.service).seals(of: account)
            try await ledger.tamper("DELETE FROM seals WHERE first_version = 4")
            try await ledger.sealAnew(before: 4)
            let forged = try #require(try await Seals(ledger.service).latest(of: account))
            #expect(forged.lastVersion == 3 && forged.hash != seals[0].hash)
            // The second seal as it was: it follows the one that is gone.
            let second = seals[1]
            try await ledger.owner.transaction { session in
                _ = try session.execute(
                    """
                    INSERT INTO seals (account_id, first_version, last_version, event_count, format,
                        previous_hash, hash, fingerprints, sealed_at)
                    VALUES (\(account), \(second.firstVersion), \(second.lastVersion),
                        \(second.eventCount), \(second.format), \(second.previousHash),
                        \(second.hash), \(second.fingerprints), \(second.sealedAt))
                    """
                )
                _ = try session.execute("UPDATE seal_checkpoints SET version = 7")
            }
            let report = try await Verification(ledger.owner).run()
            #expect(report.findings.map(\.version) == [1], "\(report.findings)")
        }
    }

    @Test func `whoever rewrites and seals everything anew is found by a pin`() async throws {
        try await withSealedStream { ledger, account in
            let pins = try await Seals(ledger.service).seals(of: account).map {
                SealPin(account: $0.account, lastVersion: $0.lastVersion, hash: $0.hash)
            }
            let verification = Verification(ledger.owner)
            #expect(try await verification.run(pins: pins).findings == [])

            try await ledger.rewrite(version: 5, of: account)
            try await ledger.tamper("DELETE FROM seals WHERE first_version > 3")
            try await ledger.sealAnew()
            // By itself the ledger is without a fault now.
            #expect(try await verification.run().findings == [])
            for pinned in [pins, [pins[1]]] {
                let report = try await verification.run(pins: pinned)
                let lastGood = pinned.count == 2 ? pins[0].lastVersion : 0
                #expect(report.findings.map(\.version) == [lastGood + 1])
            }
            #expect(try await verification.run(pins: [pins[0]]).findings == [])
            let other = try await ledger.grantedAccount(Pico(1))
            #expect(try await verification.run(account: other, pins: pins).findings == [])
        }
    }

    @Test func `an account that was removed without a trace is found by its pin`() async throws {
        try await withSealedStream { ledger, account in
            let seal = try #require(try await Seals(ledger.service).latest(of: account))
            let pin = SealPin(account: account, lastVersion: seal.lastVersion, hash: seal.hash)
            for table in [
                "events", "seals", "seal_checkpoints", "leases", "grants", "account_heads",
            ] {
                try await ledger.tamper("DELETE FROM \(table)")
            }
            #expect(try await Verification(ledger.owner).run().findings == [])
            let report = try await Verification(ledger.owner).run(pins: [pin])
            #expect(report.findings.map(\.account) == [account])
            #expect(report.findings.map(\.version) == [1])
        }
    }

    /// A grant, a limit and a charge under one seal; four charges, two from a lease, under another.
    private func withSealedStream(
        _ body: (LedgerFixture, AccountID) async throws -> Void
    ) async throws {
        try await LedgerFixture.run { ledger in
            let account = try await Accounts(ledger.service).create(
                .init(slug: "acme"),
                at: .sample
            )
            var grant = Credits.Grant(account: "acme", amount: Pico(100))
            grant.reference = "payment"
            _ = try await Credits(ledger.service).grant(grant, at: .sample)
            _ = try await Credits(ledger.service).setLimit("acme", to: Pico(50), at: .sample)
            _ = try await ledger.events.append([.usage(charge: Pico(3), of: account.id)])
            _ = try await Sealer(ledger.service).sweep()
            let lease = TestLease(ledger, try await ledger.register(), account.id)
            _ = try await lease.acquire(1, want: 60, least: 60)
            _ = try await ledger.events.append([
                .usage(charge: Pico(10), lease: lease.id, of: account.id),
                .usage(charge: Pico(2), of: account.id),
                .usage(charge: Pico(20), lease: lease.id, of: account.id),
                .usage(charge: Pico(2), of: account.id),
            ])
            _ = try await Sealer(ledger.service).sweep()
            try await body(ledger, account.id)
        }
    }
}

extension LedgerFixture {
    private static let tables = [
        "account_heads", "events", "leases", "grants", "seals", "seal_checkpoints",
    ]

    /// Changes what must not be changed, with the guards switched off.
    fileprivate func tamper(_ sql: String) async throws {
        try await owner.read { session in
            try session.script(
                """
                BEGIN; ALTER TABLE events DISABLE TRIGGER USER;
                ALTER TABLE seals DISABLE TRIGGER USER; \(sql); COMMIT
                """
            )
        }
    }

    /// Runs both closures and then restores the tables as they were before the first.
    fileprivate func keepingTables(
        _ change: () async throws -> Void,
        then check: () async throws -> Void
    ) async throws {
        let copies = Self.tables.map { "CREATE TABLE kept_\($0) AS TABLE \($0);" }.joined()
        try await owner.read { try $0.script("BEGIN; \(copies) COMMIT") }
        try await change()
        try await check()
        let restores = Self.tables.map {
            "DELETE FROM \($0); INSERT INTO \($0) SELECT * FROM kept_\($0); DROP TABLE kept_\($0);"
        }
        try await tamper(restores.joined())
    }

    /// Gives a call other tokens and the hash that goes with them.
    fileprivate func rewrite(version: Int64, of account: AccountID) async throws {
        if version == 2 {
            // The credit limit: another one, and its head's.
            try await tamper(
                """
                UPDATE events SET data = '{"limit_pico": "60"}' WHERE version = 2;
                UPDATE account_heads SET credit_limit = 60
                """
            )
        } else {
            try await tamper("UPDATE events SET output_tokens = 1 WHERE version = \(version)")
        }
        let hash = try await owner.read { session in
            let rows = try session.execute(
                """
                SELECT \(EventRow.columns) FROM events
                WHERE account_id = \(account) AND version = \(version)
                """
            )
            return EventEncoding.contentHash(try EventRow(try rows.single()).recorded.event)
        }
        try await tamper(
            "UPDATE events SET content_hash = '\\x\(hash.hexadecimal)' WHERE version = \(version)"
        )
    }

    /// Has the sealer make the seals that are missing, or those of the versions before one.
    fileprivate func sealAnew(before version: Int64? = nil) async throws {
        guard let version else {
            try await tamper("UPDATE seal_checkpoints SET version = 0")
            _ = try await Sealer(service).sweep()
            return
        }
        let head = try await count("SELECT max(version) FROM account_heads")
        try await tamper(
            """
            DELETE FROM seals; UPDATE seal_checkpoints SET version = 0;
            UPDATE account_heads SET version = \(version - 1)
            """
        )
        _ = try await Sealer(service).sweep()
        try await tamper("UPDATE account_heads SET version = \(head)")
    }
}
