import Digest
import Postgres
import Schema
import TestSupport
import Testing

@testable import Ledger

@Suite(.enabled(if: TestServer.isConfigured, "FAREBOX_TEST_OWNER_URL is not set"))
struct AuditTrailTests {
    @Test func `every act has its entry, with who, what, before and after`() async throws {
        try await LedgerFixture.run { ledger in
            let token = AdminTokenID.make(at: .sample)
            let trail = try await acting("account suspend", token, ledger) { accounts in
                _ = try await accounts.suspend("ada")
            }
            let entry = try #require(trail.first)
            #expect(entry.actor == "Ada" && entry.token == token)
            #expect(entry.act == "account suspend" && entry.subject == "account_heads")
            #expect(entry.account == "ada")
            #expect(entry.before?.contains(#""status": "active""#) == true)
            #expect(entry.after?.contains(#""status": "suspended""#) == true)
        }
    }

    @Test func `a repeat that changes nothing leaves no entry`() async throws {
        try await LedgerFixture.run { ledger in
            let once = try await acting("account suspend", nil, ledger) { accounts in
                _ = try await accounts.suspend("ada")
            }
            let twice = try await acting("account suspend", nil, ledger) { accounts in
                _ = try await accounts.suspend("ada")
            }
            #expect(once == twice)
        }
    }

    @Test func `what is rolled back leaves no entry`() async throws {
        try await LedgerFixture.run { ledger in
            let before = try await acting("nothing", nil, ledger) { _ in }
            let after = try await acting("account create", nil, ledger) { accounts in
                var creation = Accounts.Creation(slug: "eve")
                creation.name = String(repeating: "e", count: 201)
                let refused = creation
                await #expect(throws: LedgerError.self) {
                    try await accounts.create(refused, at: .sample)
                }
            }
            #expect(before == after)
        }
    }

    @Test func `a secret's hash is in no entry`() async throws {
        try await LedgerFixture.run { ledger in
            _ = try await acting("nothing", nil, ledger) { _ in }
            let key = try await APIKeys(ledger.service).create(
                APIKeys.Creation(account: "ada"),
                at: .sample
            )
            let token = try await AdminTokens(ledger.service).create(
                AdminTokens.Creation(role: .viewer),
                at: .sample
            )
            for entry in try await AuditTrail(ledger.service).list(limit: 100) {
                let text = (entry.before ?? "") + (entry.after ?? "")
                #expect(!text.contains(key.secret.hash.hexadecimal))
                #expect(!text.contains(token.secret.hash.hexadecimal))
            }
        }
    }

    @Test func `a correction of a balance has its entry`() async throws {
        try await LedgerFixture.run { ledger in
            _ = try await acting("nothing", nil, ledger) { _ in }
            _ = try await Credits(ledger.service).adjust(
                Credits.Adjustment(account: "ada", amount: Pico(7), reason: "a gift"),
                at: .sample
            )
            let entry = try #require(try await AuditTrail(ledger.service).list(limit: 1).first)
            #expect(entry.actor.hasPrefix("the database role "))
            #expect(entry.before?.contains(#""balance": 0"#) == true)
            #expect(entry.after?.contains(#""balance": 7"#) == true)
        }
    }

    @Test func `pages follow each other without a gap`() async throws {
        try await LedgerFixture.run { ledger in
            let all = try await acting("nothing", nil, ledger) { _ in }
            let trail = AuditTrail(ledger.service)
            var paged: [AuditTrail.Entry] = []
            while let entry = try await trail.list(before: paged.last?.id, limit: 1).first {
                paged.append(entry)
            }
            #expect(paged == all && paged.count >= 2)
        }
    }

    /// Acts on the account `ada`, which is made if need be, and returns the whole trail.
    private func acting(
        _ name: String,
        _ token: AdminTokenID?,
        _ ledger: LedgerFixture,
        _ body: (Accounts) async throws -> Void
    ) async throws -> [AuditTrail.Entry] {
        let accounts = Accounts(ledger.service)
        if try await accounts.list().isEmpty {
            _ = try await accounts.create(Accounts.Creation(slug: "ada"), at: .sample)
        }
        try await Act.$current.withValue(Act(actor: "Ada", token: token, name: name)) {
            try await body(accounts)
        }
        return try await AuditTrail(ledger.service).list(limit: 1_000)
    }
}

@Suite(.enabled(if: TestServer.isConfigured, "FAREBOX_TEST_OWNER_URL is not set"))
struct AdminTokenTests {
    @Test func `a token is found by its secret's hash until it is revoked`() async throws {
        try await LedgerFixture.run { ledger in
            let tokens = AdminTokens(ledger.service)
            #expect(try await !tokens.isAnyGood())
            let (made, secret) = try await tokens.create(.init(role: .finance), at: .sample)
            #expect(try await tokens.find(secret.hash) == made)
            #expect(made.isGood(at: .sample) && secret.text.hasPrefix(made.prefix))
            #expect(try await tokens.isAnyGood())
            let revoked = try await tokens.revoke(made.id)
            #expect(!revoked.isGood(at: .sample))
            #expect(try await tokens.revoke(made.id) == revoked)
            #expect(try await !tokens.isAnyGood())
        }
    }

    @Test func `the role account, and no other, names an account`() async throws {
        try await LedgerFixture.run { ledger in
            for role in AdminRole.allCases {
                var creation = AdminTokens.Creation(role: role)
                creation.account = role == .account ? nil : "ada"
                let refused = creation
                await #expect(throws: LedgerError.self) {
                    try await AdminTokens(ledger.service).create(refused, at: .sample)
                }
            }
        }
    }
}
