import Postgres
import Schema
import Synchronization
import TestSupport
import Testing

@testable import Ledger

@Suite(.enabled(if: TestServer.isConfigured, "FAREBOX_TEST_OWNER_URL is not set"))
struct NotificationTests {
    @Test func `listeners are told of what snapshots hold, and never of events`() async throws {
        try await LedgerFixture.run { ledger in
            let listener = NotificationListener(
                DatabaseConfiguration(url: ledger.serviceURL),
                channels: [Directory.channel, "farebox_prices", "probe"]
            )
            let ear = Ear(listener)
            #expect(await eventually { ear.isListening })

            /// What is heard of `work`, until a probe that is sent behind it.
            func channels(of work: () async throws -> Void) async throws -> Set<String> {
                ear.forget()
                try await work()
                try await ledger.service.read { session in
                    _ = try session.execute("SELECT pg_notify('probe', '')")
                }
                #expect(await eventually { ear.channels.contains("probe") })
                return ear.channels.subtracting(["probe"])
            }

            let accounts = Accounts(ledger.service)
            let made = try await channels {
                _ = try await accounts.create(.init(slug: "acme"), at: .sample)
            }
            #expect(made == [Directory.channel])
            let account = try await accounts.show("acme")

            let silent = try await channels {
                let grant = Credits.Grant(account: "acme", amount: Pico(10))
                _ = try await Credits(ledger.service).grant(grant, at: .sample)
                let lease = TestLease(ledger, try await ledger.register(), account.id)
                _ = try await lease.acquire(1, want: 5, least: 5)
                _ = try await ledger.events.append([
                    .usage(charge: Pico(1), lease: lease.id, of: account.id)
                ])
            }
            #expect(silent == [])

            let keys = APIKeys(ledger.service)
            let key = try await keys.create(.init(account: "acme"), at: .sample).key
            #expect(try await channels { _ = try await keys.revoke(key.id) } == [Directory.channel])
            #expect(
                try await channels { _ = try await accounts.suspend("acme") }
                    == [Directory.channel]
            )
            let published = try await channels {
                try await ledger.service.transaction { session in try publish(1, session) }
            }
            #expect(published == ["farebox_prices"])
            await listener.close()
            await ear.reader.value
        }
    }

    @Test func `a price version is complete once published, and nothing of it changes`()
        async throws
    {
        try await LedgerFixture.run { ledger in
            try await ledger.owner.transaction { session in
                try publish(1, session)
                try addPrice(1, "a", session)
            }
            for database in [ledger.owner, ledger.service] {
                for attack in [
                    "INSERT INTO price_models VALUES (1, 'late', NULL, NULL)",
                    "INSERT INTO prices VALUES (1, 'a', 'output', 'standard', 0, 5)",
                    "INSERT INTO price_fees VALUES (1, 'a', 'request', 5)",
                    "UPDATE prices SET pico_per_token = 0",
                    "UPDATE price_versions SET effective_at = now()",
                    "DELETE FROM prices",
                    "TRUNCATE price_versions CASCADE",
                ] {
                    await #expect(throws: PostgresError.self, "\(attack)") {
                        try await database.read { session in
                            _ = try session.execute("\(unescaped: attack)")
                        }
                    }
                }
            }
            #expect(try await ledger.count("SELECT sum(pico_per_token) FROM prices") == 7)
            #expect(try await ledger.count("SELECT count(*) FROM price_fees") == 0)
        }
    }
}

/// Remembers the channels that were heard.
private final class Ear: Sendable {
    private let heard: Heard
    let reader: Task<Void, Never>

    private final class Heard: Sendable {
        let state = Mutex<(isListening: Bool, channels: Set<String>)>((false, []))
    }

    init(_ listener: NotificationListener) {
        let heard = Heard()
        self.heard = heard
        reader = Task {
            for await element in listener.elements {
                heard.state.withLock { state in
                    switch element {
                    case .gap: state.isListening = true
                    case .notification(let channel, _): state.channels.insert(channel)
                    }
                }
            }
        }
    }

    var isListening: Bool { heard.state.withLock { $0.isListening } }
    var channels: Set<String> { heard.state.withLock { $0.channels } }

    func forget() {
        heard.state.withLock { $0.channels = [] }
    }
}

private func publish(_ version: Int64, _ session: Session) throws {
    _ = try session.execute(
        """
        INSERT INTO price_versions
            (price_version, currency, source, sha256, effective_at, published_at)
        VALUES (\(version), 'USD', 'farebox', sha256('prices'), now(), now())
        """
    )
}

private func addPrice(_ version: Int64, _ model: String, _ session: Session) throws {
    _ = try session.execute(
        "INSERT INTO price_models (price_version, model) VALUES (\(version), \(model))"
    )
    _ = try session.execute(
        "INSERT INTO prices VALUES (\(version), \(model), 'input', 'standard', 0, 7)"
    )
}
