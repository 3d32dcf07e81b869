import Postgres
import Schema
import TestSupport
import Testing

@testable import Ledger

@Suite(.enabled(if: TestServer.isConfigured, "FAREBOX_TEST_OWNER_URL is not set"))
struct BalanceAlertTests {
    @Test func `a balance that falls is told once, and again after money has come`() async throws {
        try await LedgerFixture.run { ledger in
            let account = try await ledger.account(credit: Pico(100))
            let slug = "a-\(account)"
            var changes = AccountAlertChanges()
            changes.lowBalance = Pico(50)
            try await AlertSettings(ledger.service).change(changes, of: slug, at: .sample)
            for charge in [40, 20, 20, 20] {
                _ = try await ledger.events.append([
                    .usage(charge: Pico(Int128(charge)), of: account)
                ])
            }
            #expect(try await kinds(ledger) == ["balance.low", "balance.exhausted"])
            _ = try await ledger.events.append([.grant(Pico(60), to: account)])
            let event = Event.usage(charge: Pico(30), of: account)
            _ = try await ledger.events.append([event])
            _ = try await ledger.events.append([event])
            #expect(
                try await kinds(ledger) == ["balance.low", "balance.exhausted", "balance.low"]
            )
        }
    }

    @Test func `an endpoint gets its own account's alerts, an operator's gets all`() async throws {
        try await LedgerFixture.run { ledger in
            let mine = try await ledger.account(credit: Pico(10))
            let other = try await ledger.account(credit: Pico(10))
            let endpoints = WebhookEndpoints(ledger.service)
            var creation = WebhookEndpoints.Creation(url: "https://example.com/all")
            _ = try await endpoints.create(creation, at: .sample)
            creation.account = "a-\(mine)"
            _ = try await endpoints.create(creation, at: .sample)
            for account in [mine, other] {
                _ = try await ledger.events.append([.usage(charge: Pico(10), of: account)])
            }
            #expect(try await ledger.count("SELECT count(*) FROM webhook_messages") == 2)
            #expect(try await ledger.count("SELECT count(*) FROM webhook_deliveries") == 3)
            #expect(try await endpoints.list().map(\.pending) == [2, 1])
        }
    }

    @Test func `what is of no account is told to endpoints of all accounts alone`() async throws {
        try await LedgerFixture.run { ledger in
            let account = try await ledger.account()
            let endpoints = WebhookEndpoints(ledger.service)
            var creation = WebhookEndpoints.Creation(url: "https://example.com/all")
            _ = try await endpoints.create(creation, at: .sample)
            creation.account = "a-\(account)"
            _ = try await endpoints.create(creation, at: .sample)
            try await ledger.service.transaction { session in
                let alert = Alert(.balanceLow, of: nil, at: .sample, data: [("x", .integer(1))])
                try AlertOutbox(session).write([alert])
            }
            #expect(try await endpoints.list().map(\.pending) == [1, 0])
            let found = try await ledger.service.read { session in
                try session.execute("SELECT body FROM webhook_messages").single()
                    .get("body", as: String.self)
            }
            #expect(found.hasSuffix(#""data": {"account": null, "x": 1}}"#))
        }
    }

    @Test func `a webhook's secret is in no entry of the audit trail`() async throws {
        try await LedgerFixture.run { ledger in
            let made = try await WebhookEndpoints(ledger.service).create(
                WebhookEndpoints.Creation(url: "https://example.com/"),
                at: .sample
            )
            let entries = try await AuditTrail(ledger.service).list(limit: 10)
            #expect(entries.map(\.subject) == ["webhook_endpoints"])
            for entry in entries {
                let text = (entry.before ?? "") + (entry.after ?? "")
                #expect(!text.contains(made.secret.text) && !text.contains("secret"))
            }
        }
    }

    private func kinds(_ ledger: LedgerFixture) async throws -> [String] {
        try await ledger.service.read { session in
            try session.execute("SELECT kind FROM webhook_messages ORDER BY message_id")
                .map { try $0.get("kind", as: String.self) }
        }
    }
}
