import Schema
import TestSupport
import Testing

@testable import Ledger

@Suite(.enabled(if: TestServer.isConfigured, "FAREBOX_TEST_OWNER_URL is not set"))
struct KeyExpiryAlertTests {
    private static let day: Int64 = 86_400

    @Test(arguments: [(100, 93), (10, 9)] as [(Int64, Int64)])
    func `the end of a key is told once, a tenth of its life before or a week`(
        life: Int64,
        due: Int64
    ) async throws {
        try await LedgerFixture.run { ledger in
            let account = try await ledger.account()
            let alerts = KeyExpiryAlerts(ledger.service)
            let made = try await key(of: account, life: life, ledger)
            func tell(_ days: Int64, _ seconds: Int64 = 0) async throws -> Int {
                try await alerts.tell(at: made.adding(seconds: days * Self.day + seconds))
            }
            #expect(try await tell(due, -60) == 0)
            #expect(try await tell(due, 60) == 1)
            #expect(try await tell(due, 120) == 0)
            #expect(try await tell(life, 60) == 0)
            let messages = try await WebhookMessages(ledger.service).list()
            #expect(messages.map(\.kind) == [AlertKind.keyExpiring.rawValue])
            #expect(messages.map(\.account) == ["a-\(account)"])
        }
    }

    @Test func `neither a revoked key nor one without an end is told of`() async throws {
        try await LedgerFixture.run { ledger in
            let account = try await ledger.account()
            let keys = APIKeys(ledger.service)
            let made = try await key(of: account, life: 10, ledger)
            _ = try await keys.revoke(try #require(try await keys.list("a-\(account)").first).id)
            var creation = APIKeys.Creation(account: "a-\(account)")
            creation.project = "web"
            _ = try await keys.create(creation, at: made)
            let then = made.adding(seconds: 9 * Self.day + 60)
            #expect(try await KeyExpiryAlerts(ledger.service).tell(at: then) == 0)
        }
    }

    @Test func `processes that look at the same time tell of a key once`() async throws {
        try await LedgerFixture.run { ledger in
            let account = try await ledger.account()
            let made = try await key(of: account, life: 10, ledger)
            let then = made.adding(seconds: 9 * Self.day + 60)
            let told = try await withThrowingTaskGroup(of: Int.self) { group in
                for _ in 0..<4 {
                    group.addTask { try await KeyExpiryAlerts(ledger.service).tell(at: then) }
                }
                return try await group.reduce(0, +)
            }
            #expect(told == 1)
        }
    }

    /// When the key was made.
    private func key(
        of account: AccountID,
        life days: Int64,
        _ ledger: LedgerFixture
    ) async throws -> Instant {
        let made = Instant.sample
        var creation = APIKeys.Creation(account: "a-\(account)")
        creation.project = try await Projects(ledger.service).create(
            "web",
            in: "a-\(account)",
            at: made
        ).slug
        creation.expiresAt = made.adding(seconds: days * Self.day)
        _ = try await APIKeys(ledger.service).create(creation, at: made)
        return made
    }
}
