import Digest
import Postgres
import Schema
import TestSupport
import Testing

@testable import Ledger

@Suite(.enabled(if: TestServer.isConfigured, "FAREBOX_TEST_OWNER_URL is not set"))
struct CommandTests {
    @Test func `an account begins with a project, its limit as an event, and nothing held`()
        async throws
    {
        try await LedgerFixture.run { ledger in
            let accounts = Accounts(ledger.service)
            var creation = Accounts.Creation(slug: "acme")
            creation.creditLimit = Pico(7)
            creation.timeZone = "Europe/Berlin"
            let made = try await accounts.create(creation, at: .sample)
            #expect(made.version == 1)
            #expect(made.available == Pico(7))
            #expect(made.held == .zero)
            #expect(try await accounts.show("acme") == made)
            #expect(try await accounts.list() == [made])
            let projects = try await Projects(ledger.service).list("acme")
            #expect(projects.map(\.slug) == ["default"])
        }
    }

    @Test(arguments: ["", "Acme", "a b", "-a", "a/b", String(repeating: "a", count: 64)])
    func `a slug that would not do in a path is refused`(slug: String) {
        #expect(!Slug.isValid(slug))
    }

    @Test func `creating is refused twice, and repeated by its key`() async throws {
        try await LedgerFixture.run { ledger in
            let accounts = Accounts(ledger.service)
            let creation = Accounts.Creation(slug: "acme")
            let made = try await accounts.create(creation, at: .sample, idempotencyKey: "k")
            #expect(
                try await accounts.create(creation, at: .sample, idempotencyKey: "k") == made
            )
            try await expect(.conflict) { try await accounts.create(creation, at: .sample) }
            var other = creation
            other.timeZone = "Asia/Tokyo"
            try await expect(.conflict) {
                try await accounts.create(other, at: .sample, idempotencyKey: "k")
            }
            other.slug = "other"
            other.timeZone = "Mars/Olympus"
            try await expect(.invalid) { try await accounts.create(other, at: .sample) }
        }
    }

    @Test func `one grant of one key, however often and concurrently it is sent`() async throws {
        try await LedgerFixture.run(connectionsMax: 8) { ledger in
            _ = try await Accounts(ledger.service).create(.init(slug: "acme"), at: .sample)
            let credits = Credits(ledger.service)
            for (key, reference) in [("k", nil), (nil, "payment-1")] as [(String?, String?)] {
                var grant = Credits.Grant(account: "acme", amount: Pico(500))
                grant.reference = reference
                let request = grant
                let grants = try await withThrowingTaskGroup(of: GrantID.self) { group in
                    for _ in 0..<16 {
                        group.addTask {
                            try await credits.grant(request, at: .sample, idempotencyKey: key).id
                        }
                    }
                    return try await group.reduce(into: Set()) { $0.insert($1) }
                }
                #expect(grants.count == 1)
                grant.amount = Pico(501)
                let changed = grant
                try await expect(.conflict) {
                    try await credits.grant(changed, at: .sample, idempotencyKey: key)
                }
            }
            #expect(try await Accounts(ledger.service).show("acme").balance == Pico(1_000))
            #expect(try await Verification(ledger.service).run().isOK)
        }
    }

    @Test func `what is left of the grants follows their order of burning`() async throws {
        try await LedgerFixture.run { ledger in
            let account = try await Accounts(ledger.service).create(
                .init(slug: "acme"),
                at: .sample
            )
            let credits = Credits(ledger.service)
            var grant = Credits.Grant(account: "acme", amount: Pico(100))
            let paid = try await credits.grant(grant, at: .sample)
            #expect(paid.remaining == Pico(100))
            grant.kind = .promotional
            let promotional = try await credits.grant(grant, at: .sample)
            grant.expiresAt = Instant.sample.adding(seconds: 3_600)
            let expiring = try await credits.grant(grant, at: .sample)
            _ = try await ledger.events.append([.usage(charge: Pico(130), of: account.id)])
            let list = try await credits.list("acme")
            #expect(list.grants.map(\.id) == [promotional.id, paid.id, expiring.id])
            #expect(list.grants.map(\.remaining) == [Pico(70), Pico(100), .zero])
            #expect(list.account.balance == Pico(170))
        }
    }

    @Test func `a correction never takes what is held, unless forced`() async throws {
        try await LedgerFixture.run { ledger in
            let account = try await Accounts(ledger.service).create(
                .init(slug: "acme"),
                at: .sample
            )
            let credits = Credits(ledger.service)
            _ = try await credits.grant(.init(account: "acme", amount: Pico(100)), at: .sample)
            let lease = TestLease(ledger, try await ledger.register(), account.id)
            _ = try await lease.acquire(1, want: 80, least: 80)
            let error = await #expect(throws: LedgerError.self) {
                try await take(Pico(21), credits)
            }
            #expect(error?.code == .refused)
            #expect(error?.message.contains("0.00000000008 USD is held") == true)
            #expect(try await take(Pico(20), credits).balance == Pico(80))
            let forced = try await take(Pico(30), credits, isForced: true)
            #expect(forced.head.overdrawn == Pico(30))
            #expect(forced.available == .zero)
            // The running calls still settle out of their lease.
            _ = try await ledger.events.append([
                .usage(charge: Pico(80), lease: lease.id, of: account.id)
            ])
            let settled = try await Accounts(ledger.service).show("acme")
            #expect(settled.balance == Pico(-30))
            _ = try await credits.grant(.init(account: "acme", amount: Pico(31)), at: .sample)
            let paid = try await Accounts(ledger.service).show("acme")
            #expect(paid.head.overdrawn == .zero)
            #expect(paid.available == Pico(1))
            #expect(try await Verification(ledger.service).run().findings == [])
        }
    }

    @Test func `a suspended account is granted nothing, and settles`() async throws {
        try await LedgerFixture.run { ledger in
            let accounts = Accounts(ledger.service)
            let account = try await accounts.create(.init(slug: "acme"), at: .sample)
            let grant = Credits.Grant(account: "acme", amount: Pico(9))
            _ = try await Credits(ledger.service).grant(grant, at: .sample)
            let lease = TestLease(ledger, try await ledger.register(), account.id)
            _ = try await lease.acquire(1, want: 4, least: 4)
            #expect(try await accounts.suspend("acme").status == .suspended)
            #expect(try await lease.acquire(2, want: 4, least: 4).granted == .zero)
            let outcomes = try await ledger.events.append([
                .usage(charge: Pico(4), lease: lease.id, of: account.id)
            ])
            #expect(outcomes == [.appended(version: 2, amount: Pico(-4), excess: .zero)])
            _ = try await accounts.resume("acme")
            #expect(try await lease.acquire(3, want: 4, least: 4).granted == Pico(4))
        }
    }

    @Test func `a key is found by its secret until it is revoked`()
        async throws
    {
        try await LedgerFixture.run { ledger in
            _ = try await Accounts(ledger.service).create(.init(slug: "acme"), at: .sample)
            let keys = APIKeys(ledger.service)
            var creation = APIKeys.Creation(account: "acme")
            creation.models = ["gpt-*", "claude-*"]
            creation.outputTokensMax = 10
            let (key, secret) = try await keys.create(creation, at: .sample)
            #expect(secret.text.utf8.count == 49)
            #expect(secret.text.hasPrefix(key.prefix))
            #expect("\(secret)" == "«secret»")

            let hash = try #require(APIKeySecret.hash(ofPresented: secret.text))
            let directory = Directory(ledger.service)
            let found = try #require(try await directory.snapshot().key(hash))
            #expect(found.id == key.id)
            #expect(found.models == ["gpt-*", "claude-*"])
            #expect(found.outputTokensMax == 10)
            #expect(try await directory.snapshot().accounts[key.account]?.slug == "acme")

            let revoked = try await keys.revoke(key.id)
            #expect(revoked.revokedAt != nil)
            #expect(try await keys.revoke(key.id) == revoked)
            #expect(try await directory.snapshot().key(hash) == nil)
            #expect(try await keys.list("acme") == [revoked])
            let stored = try await ledger.count(
                """
                SELECT count(*) FROM api_keys WHERE api_keys::text LIKE \("%\(secret.text)%")
                """
            )
            #expect(stored == 0)
        }
    }

    @Test(arguments: ["", "sk-fb-", "sk-xx-" + String(repeating: "a", count: 43)])
    func `what is no secret is not even hashed`(text: String) {
        #expect(APIKeySecret.hash(ofPresented: text) == nil)
    }

    @Test func `a table of keys finds each of ten thousand and no other`() {
        let entries = (0..<10_000).map { index in
            (
                hash: SHA256.hash("\(index)".utf8),
                key: DirectorySnapshot.Key(
                    id: KeyID(high: 0, low: UInt64(index)),
                    account: AccountID(high: 0, low: 1),
                    project: ProjectID(high: 0, low: 1),
                    expiresAt: nil,
                    models: nil,
                    outputTokensMax: nil,
                    caps: [],
                    rates: .none,
                    addresses: nil
                )
            )
        }
        let table = KeyTable(entries)
        for (index, entry) in entries.enumerated() {
            #expect(table[entry.hash]?.id.low == UInt64(index))
            #expect(table[SHA256.hash("other \(index)".utf8)] == nil)
        }
    }

    private func take(
        _ amount: Pico,
        _ credits: Credits,
        isForced: Bool = false
    ) async throws -> AccountSummary {
        var adjustment = Credits.Adjustment(account: "acme", amount: -amount, reason: "mistake")
        adjustment.isForced = isForced
        return try await credits.adjust(adjustment, at: .sample)
    }

    private func expect<Value>(
        _ code: LedgerError.Code,
        _ body: () async throws -> Value
    ) async throws {
        let error = await #expect(throws: LedgerError.self) { _ = try await body() }
        #expect(error?.code == code)
    }
}
