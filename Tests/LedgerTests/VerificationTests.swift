import Postgres
import Schema
import TestSupport
import Testing

@testable import Ledger

@Suite(.enabled(if: TestServer.isConfigured, "FAREBOX_TEST_OWNER_URL is not set"))
struct VerificationTests {
    /// What somebody with the owner's rights might do, and what must be found.
    private static let corruptions: [(sql: String, invariant: String, version: Int64?)] = [
        ("UPDATE events SET output_tokens = 1 WHERE version = 4", "I2", 4),
        ("UPDATE events SET model = 'other' WHERE version = 4", "I2", 4),
        ("UPDATE events SET occurred_at = occurred_at - interval '1s' WHERE version = 3", "I2", 3),
        (
            "UPDATE events SET amount_pico = amount_pico + 1, excess_pico = excess_pico + 1 WHERE version = 3",
            "I1", nil
        ),
        (
            "UPDATE events SET data = jsonb_set(data, '{reference}', '\"x\"') WHERE version = 1",
            "I2", 1
        ),
        ("DELETE FROM events WHERE version = 3", "I2", 3),
        ("DELETE FROM events WHERE version = 5", "I2", 5),
        ("UPDATE events SET version = 99 WHERE version = 5", "I2", 5),
        ("UPDATE account_heads SET balance = balance + 1", "I1", nil),
        ("UPDATE account_heads SET version = version + 1", "I2", 6),
        ("UPDATE account_heads SET escrowed = escrowed + 1", "I6", nil),
        ("UPDATE account_heads SET overdrawn = 5", "I3", nil),
        ("UPDATE account_heads SET credit_limit = 9", "I6", 2),
        ("UPDATE leases SET granted = granted + 1", "I6", nil),
        ("UPDATE leases SET settled = settled - 1", "I6", 4),
        ("UPDATE grants SET amount = amount + 1", "I6", 1),
        ("DELETE FROM grants", "I6", 1),
        ("UPDATE grants SET withdrawn = 1", "I6", nil),
        ("UPDATE grants SET priority = 1", "I6", 1),
        ("UPDATE grants SET closed_at = now()", "I6", nil),
        ("UPDATE grants SET kept = 1", "I6", nil),
        ("UPDATE account_heads SET reserved = 1", "I6", nil),
        (
            "INSERT INTO burn_downs SELECT account_id, 3, 0, 0, 1, 0, 0, 0 FROM account_heads",
            "I6", 3
        ),
        ("UPDATE events SET request_id = account_id WHERE kind = 'usage'", "I4", 5),
        (
            "ALTER TABLE account_heads DROP CONSTRAINT account_heads_never_overspent; "
                + "UPDATE account_heads SET escrowed = 1000",
            "I3", nil
        ),
    ]

    @Test func `a healthy ledger has no findings, and progress is told`() async throws {
        try await LedgerFixture.run { ledger in
            let account = try await seed(ledger)
            let report = try await Verification(ledger.service).run()
            #expect(report.findings == [])
            #expect(report.accounts == 1)
            #expect(report.events == 5)
            let one = try await Verification(ledger.service).run(account: account)
            #expect(one == report)
        }
    }

    @Test func `every seeded corruption is found and located`() async throws {
        try await LedgerFixture.run { ledger in
            let account = try await seed(ledger)
            let verification = Verification(ledger.owner)
            struct Undo: Error {}
            for corruption in Self.corruptions {
                try await corrupt(ledger, corruption.sql)
                let report = try await verification.run(account: account)
                let matches = report.findings.filter {
                    $0.account == account && $0.invariant == corruption.invariant
                        && $0.version == corruption.version
                }
                #expect(!matches.isEmpty, "\(corruption.sql): \(report.findings)")
                try await restore(ledger)
                let restored = try await verification.run()
                #expect(restored.findings == [], "after \(corruption.sql)")
            }
        }
    }

    @Test func `a parked event is a finding until it is appended or dismissed`() async throws {
        try await LedgerFixture.run { ledger in
            let account = try await seed(ledger)
            let ahead = Event.usage(
                charge: Pico(5),
                of: account,
                at: .sample.adding(seconds: 100_000)
            )
            let broken = Event.usage(charge: Pico(5), of: account) { $0.webSearches = -1 }
            _ = try await ledger.events.append([ahead, broken])
            let verification = Verification(ledger.service)
            #expect(try await verification.run().findings.map(\.invariant) == ["I4", "I4"])

            let parked = ParkedEvents(ledger.service)
            for entry in try await parked.list() {
                let error = await #expect(throws: LedgerError.self) {
                    try await parked.append(entry)
                }
                #expect(error?.code == .refused)
            }
            // Refused attempts leave the entries as they were.
            let entries = try await parked.list()
            #expect(Set(entries.map(\.event)) == [ahead.id, broken.id])
            for entry in entries { try await parked.dismiss(entry) }
            #expect(try await verification.run().findings == [])
        }
    }

    @Test func `a parked call is paid out of its reserve when it is put right`() async throws {
        try await LedgerFixture.run { ledger in
            let account = try await ledger.account(credit: Pico(100))
            let lease = TestLease(ledger, try await ledger.register(), account)
            _ = try await lease.acquire(1, want: 100, least: 100)
            try await ledger.owner.read { session in
                try session.script("ALTER TABLE events ADD CONSTRAINT no CHECK (model <> 'poison')")
            }
            let event = Event.usage(charge: Pico(60), lease: lease.id, of: account) {
                $0.model = "poison"
            }
            for _ in 0..<2 { _ = try await ledger.events.append([event]) }
            _ = try await lease.giveBack(2, 0, closes: true)
            var head = try await ledger.head(of: account)
            #expect(head.reserved == Pico(60))
            #expect(head.available == Pico(40))

            try await ledger.owner.read { session in
                try session.script("ALTER TABLE events DROP CONSTRAINT no")
            }
            let parked = ParkedEvents(ledger.service)
            let entry = try #require(try await parked.list().first)
            #expect(
                try await parked.append(entry)
                    == .appended(version: 2, amount: Pico(-60), excess: .zero)
            )
            head = try await ledger.head(of: account)
            #expect(head.reserved == .zero)
            #expect(head.balance == Pico(40))
            #expect(try await parked.list() == [])
        }
    }

    /// Five events: a grant, a limit, a charge without lease, two charges from a lease.
    private func seed(_ ledger: LedgerFixture) async throws -> AccountID {
        let account = try await Accounts(ledger.service).create(.init(slug: "acme"), at: .sample)
        let credits = Credits(ledger.service)
        var grant = Credits.Grant(account: "acme", amount: Pico(100))
        grant.reference = "payment"
        _ = try await credits.grant(grant, at: .sample)
        _ = try await credits.setLimit("acme", to: Pico(50), at: .sample)
        let lease = TestLease(ledger, try await ledger.register(), account.id)
        _ = try await lease.acquire(1, want: 60, least: 60)
        _ = try await ledger.events.append([
            .usage(charge: Pico(3), of: account.id),
            .usage(charge: Pico(10), lease: lease.id, of: account.id),
            .usage(charge: Pico(20), lease: lease.id, of: account.id),
        ])
        return account.id
    }

    private static let tables = ["account_heads", "events", "leases", "grants", "burn_downs"]

    /// Keeps copies, switches the guards off and changes what must not be changed.
    private func corrupt(_ ledger: LedgerFixture, _ sql: String) async throws {
        let copies = Self.tables.map { "CREATE TABLE kept_\($0) AS TABLE \($0);" }.joined()
        try await ledger.owner.read { session in
            try session.script(
                "BEGIN; \(copies) ALTER TABLE events DISABLE TRIGGER USER; \(sql); COMMIT"
            )
        }
    }

    private func restore(_ ledger: LedgerFixture) async throws {
        let copies = Self.tables.map {
            """
            DELETE FROM \($0); INSERT INTO \($0) SELECT * FROM kept_\($0); DROP TABLE kept_\($0);
            """
        }.joined()
        try await ledger.owner.read { session in
            try session.script("BEGIN; \(copies) COMMIT")
        }
    }
}
