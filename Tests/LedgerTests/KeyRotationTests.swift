import Schema
import TestSupport
import Testing

@testable import Ledger

@Suite(.enabled(if: TestServer.isConfigured, "FAREBOX_TEST_OWNER_URL is not set"))
struct KeyRotationTests {
    private func newKey(
        _ ledger: LedgerFixture
    ) async throws -> (key: KeySummary, secret: APIKeySecret) {
        _ = try await Accounts(ledger.service).create(.init(slug: "acme"), at: .sample)
        var creation = APIKeys.Creation(account: "acme")
        creation.limits.day = Pico(5)
        creation.rates.concurrency = 2
        return try await APIKeys(ledger.service).create(creation, at: .sample)
    }

    @Test func `a rotated key is the same key under two secrets, one of which ends`() async throws {
        try await LedgerFixture.run { ledger in
            let (key, old) = try await newKey(ledger)
            let directory = Directory(ledger.service)
            let before = try await directory.snapshot()
            let (rotated, new) = try await APIKeys(ledger.service)
                .rotate(key.id, overlap: .seconds(3_600))
            #expect(rotated.id == key.id && rotated.limits == key.limits)
            #expect(rotated.prefix == new.prefix && rotated.retiredSecretsExpireAt != nil)

            let snapshots = [try await directory.refreshed(before), try await directory.snapshot()]
            for snapshot in snapshots {
                let current = try #require(snapshot.key(new.hash))
                let retired = try #require(snapshot.key(old.hash))
                #expect(current.id == key.id && current.expiresAt == nil)
                #expect(retired.id == key.id && retired.expiresAt == rotated.retiredSecretsExpireAt)
                #expect(retired.caps == current.caps && retired.rates == current.rates)
                #expect(current.rates.concurrency == 2)
            }
        }
    }

    @Test func `without an overlap, and when the key is revoked, old secrets end at once`()
        async throws
    {
        try await LedgerFixture.run { ledger in
            let (key, first) = try await newKey(ledger)
            let (keys, directory) = (APIKeys(ledger.service), Directory(ledger.service))
            var snapshot = try await directory.snapshot()
            let second = try await keys.rotate(key.id, overlap: .seconds(3_600)).secret
            // A secret that leaked ends with all that came before it.
            let third = try await keys.rotate(key.id, overlap: .zero).secret
            snapshot = try await directory.refreshed(snapshot)
            for secret in [first, second] {
                #expect(snapshot.key(secret.hash).map { $0.expiresAt! <= .sample } ?? true)
                #expect(try await directory.snapshot().key(secret.hash) == nil)
            }
            #expect(snapshot.key(third.hash)?.id == key.id)

            let fourth = try await keys.rotate(key.id, overlap: .seconds(3_600)).secret
            _ = try await keys.revoke(key.id)
            snapshot = try await directory.refreshed(snapshot)
            for secret in [first, second, third, fourth] {
                #expect(snapshot.key(secret.hash) == nil)
                #expect(try await directory.snapshot().key(secret.hash) == nil)
            }
            await #expect { try await keys.rotate(key.id, overlap: .zero) } throws: {
                ($0 as? LedgerError)?.code == .refused
            }
        }
    }
}
