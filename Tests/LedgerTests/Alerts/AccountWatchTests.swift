import Postgres
import Schema
import TestSupport
import Testing

@testable import Ledger

/// Looks at accounts by a clock that the test sets.
@Suite(.enabled(if: TestServer.isConfigured, "FAREBOX_TEST_OWNER_URL is not set"))
struct AccountWatchTests {
    private static let day: Int64 = 86_400

    @Test func `a short runway is told once by all processes, and once more after money came`()
        async throws
    {
        try await LedgerFixture.run { ledger in
            let account = try await ledger.account(credit: Pico(1_000))
            let now = Instant.sample
            try await set(account, ledger) { $0.runwayDays = 7 }
            // At this pace 63 days are left.
            _ = try await ledger.events.append([
                .usage(charge: Pico(100), of: account, at: now.adding(seconds: -2 * Self.day))
            ])
            #expect(try await look(ledger, now) == [])
            // Of an older week, which says nothing of the pace.
            let old = now.adding(seconds: -8 * Self.day)
            _ = try await ledger.events.append([
                .usage(charge: Pico(850), of: account, at: old)
            ])
            let told = try await withThrowingTaskGroup(of: Int.self) { group in
                for _ in 0..<4 {
                    group.addTask {
                        try await AccountWatch(ledger.service).look(at: now.adding(seconds: 601))
                    }
                }
                return try await group.reduce(0, +)
            }
            #expect(told == 1)
            #expect(try await kinds(ledger) == ["balance.runway_short"])
            let body = try await body(ledger)
            #expect(body.contains(#""runway_days": 3"#), "\(body)")
            #expect(try await look(ledger, now.adding(seconds: 1_300)) == [])
            _ = try await ledger.events.append([.grant(Pico(1_000), to: account)])
            #expect(try await look(ledger, now.adding(seconds: 2_000)) == [])
            _ = try await ledger.events.append([.usage(charge: Pico(900), of: account, at: now)])
            #expect(
                try await look(ledger, now.adding(seconds: 2_700)) == ["balance.runway_short"]
            )
        }
    }

    @Test func `a day is compared by the clock of another zone, or told twice`() async throws {
        try await LedgerFixture.run { ledger in
            let account = try await ledger.account(credit: Pico(1_000_000))
            try await ledger.owner.transaction { session in
                _ = try session.execute(
                    "UPDATE accounts SET time_zone = 'Pacific/Auckland'"
                )
            }
            try await set(account, ledger) { $0.anomalyPercent = 200 }
            // 13:30 UTC in November is half past two of the next day there.
            let now = try #require(Instant("2026-11-24T13:30:00Z"))
            let events = [7, 14, 21, 28].map { days in
                Event.usage(
                    charge: Pico(100),
                    of: account,
                    at: now.adding(seconds: -days * Self.day)
                )
            }
            _ = try await ledger.events.append(events)
            // Yesterday there, today in London.
            _ = try await ledger.events.append([
                .usage(charge: Pico(5_000), of: account, at: now.adding(seconds: -3 * 3_600))
            ])
            #expect(try await look(ledger, now.adding(seconds: 60)) == [])
            _ = try await ledger.events.append([
                .usage(charge: Pico(201), of: account, at: now.adding(seconds: -60))
            ])
            #expect(try await look(ledger, now.adding(seconds: 700)) == ["spend.anomaly"])
            let body = try await body(ledger)
            #expect(body.contains(#""day": "2026-11-25""#), "\(body)")
            #expect(body.contains(#""usual": "0.0000000001""#), "\(body)")
            #expect(try await look(ledger, now.adding(seconds: 1_400)) == [])
        }
    }

    @Test func `an unused key is told every time, and a used one is told to be unused`()
        async throws
    {
        try await LedgerFixture.run { ledger in
            let account = try await ledger.account(credit: Pico(1_000))
            let made = Instant.sample.adding(seconds: -60 * Self.day)
            let (idle, busy) = (
                try await key(of: account, "idle", made, ledger),
                try await key(of: account, "busy", made, ledger)
            )
            let revoked = try await key(of: account, "revoked", made, ledger)
            _ = try await APIKeys(ledger.service).revoke(revoked)
            try await set(account, ledger) { $0.unusedDays = 30 }
            func use(_ key: KeyID, _ instant: Instant) async throws {
                _ = try await ledger.events.append([
                    .usage(charge: Pico(1), of: account, at: instant) { $0.key = key }
                ])
            }
            // Young keys are not unused.
            #expect(try await look(ledger, made.adding(seconds: 29 * Self.day)) == [])
            try await use(busy, made.adding(seconds: 20 * Self.day))
            let then = made.adding(seconds: 31 * Self.day)
            #expect(try await look(ledger, then) == ["key.unused"])
            #expect(try await body(ledger).contains(idle.description))
            #expect(try await look(ledger, then.adding(seconds: 700)) == [])
            try await use(idle, then)
            #expect(try await look(ledger, then.adding(seconds: 1_400)) == [])
            // Both, thirty days after their last calls.
            #expect(
                try await look(ledger, then.adding(seconds: 31 * Self.day))
                    == ["key.unused", "key.unused"]
            )
        }
    }

    @Test func `settings out of bounds are refused, and others stay`() async throws {
        try await LedgerFixture.run { ledger in
            let account = try await ledger.account()
            let settings = AlertSettings(ledger.service)
            try await set(account, ledger) { changes in
                changes.runwayDays = 7
                changes.anomalyPercent = 150
            }
            try await set(account, ledger) { $0.runwayDays = .some(nil) }
            var expected = AccountAlerts()
            expected.anomalyPercent = 150
            #expect(try await settings.alerts(of: "a-\(account)") == expected)
            await #expect(throws: LedgerError.self) {
                try await set(account, ledger) { $0.anomalyPercent = 100 }
            }
            await #expect(throws: LedgerError.self) {
                try await set(account, ledger) { $0.unusedDays = 366 }
            }
            #expect(try await settings.alerts(of: "a-\(account)") == expected)
        }
    }

    // MARK: Steps

    private func set(
        _ account: AccountID,
        _ ledger: LedgerFixture,
        _ change: (inout AccountAlertChanges) -> Void
    ) async throws {
        var changes = AccountAlertChanges()
        change(&changes)
        try await AlertSettings(ledger.service).change(changes, of: "a-\(account)", at: .sample)
    }

    /// The kinds that a look has told.
    private func look(_ ledger: LedgerFixture, _ now: Instant) async throws -> [String] {
        let before = try await kinds(ledger).count
        let count = try await AccountWatch(ledger.service).look(at: now)
        let told = Array(try await kinds(ledger).dropFirst(before))
        #expect(told.count == count)
        return told
    }

    private func kinds(_ ledger: LedgerFixture) async throws -> [String] {
        try await ledger.service.read { session in
            try session.execute("SELECT kind FROM webhook_messages ORDER BY created_at")
                .map { try $0.get("kind") }
        }
    }

    /// The newest message.
    private func body(_ ledger: LedgerFixture) async throws -> String {
        try await ledger.service.read { session in
            try session.execute(
                "SELECT body FROM webhook_messages ORDER BY created_at DESC LIMIT 1"
            ).single().get("body")
        }
    }

    private func key(
        of account: AccountID,
        _ name: String,
        _ made: Instant,
        _ ledger: LedgerFixture
    ) async throws -> KeyID {
        var creation = APIKeys.Creation(account: "a-\(account)")
        creation.project = try await Projects(ledger.service).create(
            name,
            in: "a-\(account)",
            at: made
        ).slug
        let key = try await APIKeys(ledger.service).create(creation, at: made).key.id
        // The database's clock says when a key was made.
        try await ledger.owner.transaction { session in
            _ = try session.execute(
                "UPDATE api_keys SET created_at = \(made) WHERE key_id = \(key)"
            )
        }
        return key
    }
}
