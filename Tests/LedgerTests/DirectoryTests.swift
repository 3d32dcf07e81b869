import Digest
import Postgres
import Schema
import TestSupport
import Testing

@testable import Ledger

@Suite(.enabled(if: TestServer.isConfigured, "FAREBOX_TEST_OWNER_URL is not set"))
struct DirectoryTests {
    private func newKey(_ ledger: LedgerFixture) async throws -> (id: KeyID, hash: SHA256Digest) {
        let (key, secret) = try await APIKeys(ledger.service)
            .create(.init(account: "acme"), at: .sample)
        return (key.id, secret.hash)
    }

    @Test func `a snapshot is brought up to date by what has changed`() async throws {
        try await LedgerFixture.run { ledger in
            let accounts = Accounts(ledger.service)
            _ = try await accounts.create(.init(slug: "acme"), at: .sample)
            let directory = Directory(ledger.service)
            let (old, oldHash) = try await newKey(ledger)
            var snapshot = try await directory.snapshot()

            let (new, newHash) = try await newKey(ledger)
            _ = try await APIKeys(ledger.service).revoke(old)
            _ = try await accounts.suspend("acme")
            _ = try await accounts.create(.init(slug: "late"), at: .sample)
            #expect(snapshot.key(oldHash)?.id == old && snapshot.key(newHash) == nil)

            snapshot = try await directory.refreshed(snapshot)
            #expect(snapshot.key(oldHash) == nil && snapshot.key(newHash)?.id == new)
            #expect(snapshot.accounts.values.first { $0.slug == "acme" }?.isSuspended == true)
            #expect(snapshot.accounts.values.contains { $0.slug == "late" })
            try await expectEqualToFresh(snapshot, directory, [oldHash, newHash])
        }
    }

    @Test func `a change that commits behind a later one is not missed`() async throws {
        try await LedgerFixture.run { ledger in
            _ = try await Accounts(ledger.service).create(.init(slug: "acme"), at: .sample)
            let directory = Directory(ledger.service)
            let (slow, slowHash) = try await newKey(ledger)
            let (quick, quickHash) = try await newKey(ledger)
            let snapshot = try await directory.snapshot()
            let isRevoked = Flag()
            let mayCommit = Flag()
            async let slowRevocation: Void = ledger.service.transaction { session in
                _ = try session.execute(
                    "UPDATE api_keys SET revoked_at = now() WHERE key_id = \(slow)"
                )
                isRevoked.set()
                while !mayCommit.isSet { sleepBriefly() }
            }
            #expect(await eventually { isRevoked.isSet })
            _ = try await APIKeys(ledger.service).revoke(quick)
            let before = try await directory.refreshed(snapshot)
            #expect(before.key(quickHash) == nil && before.key(slowHash)?.id == slow)
            mayCommit.set()
            try await slowRevocation
            let after = try await directory.refreshed(before)
            #expect(after.key(quickHash) == nil && after.key(slowHash) == nil)
        }
    }

    @Test func `a snapshot that is too old, or of another history, is read anew`() {
        let position = DirectoryPosition(oldestRunning: 10, readAt: .sample)
        func later(_ seconds: Int64, _ oldest: Int64) -> DirectoryPosition {
            DirectoryPosition(oldestRunning: oldest, readAt: .sample.adding(seconds: seconds))
        }
        #expect(later(1, 10).continues(position, within: 60))
        #expect(later(1_799, 11).continues(position, within: 60))
        #expect(!later(1_800, 11).continues(position, within: 60))
        #expect(!later(1, 9).continues(position, within: 60))
    }

    @Test func `changes are forgotten after an hour and not before`() async throws {
        try await LedgerFixture.run { ledger in
            _ = try await Accounts(ledger.service).create(.init(slug: "acme"), at: .sample)
            let directory = Directory(ledger.service)
            try await directory.forgetOldChanges()
            #expect(try await ledger.count("SELECT count(*) FROM directory_changes") > 0)
            try await ledger.owner.transaction { session in
                _ = try session.execute(
                    "UPDATE directory_changes SET changed_at = changed_at - interval '61 minutes'"
                )
            }
            try await directory.forgetOldChanges()
            #expect(try await ledger.count("SELECT count(*) FROM directory_changes") == 0)
        }
    }

    private func expectEqualToFresh(
        _ snapshot: DirectorySnapshot,
        _ directory: Directory,
        _ hashes: [SHA256Digest]
    ) async throws {
        let fresh = try await directory.snapshot()
        #expect(snapshot.accounts == fresh.accounts)
        for hash in hashes { #expect(snapshot.key(hash) == fresh.key(hash)) }
    }
}

@Suite struct KeyTableTests {
    private func key(_ number: UInt64, models: [String]? = nil) -> DirectorySnapshot.Key {
        DirectorySnapshot.Key(
            id: KeyID(high: 0, low: number),
            account: AccountID(high: 0, low: 1),
            project: ProjectID(high: 0, low: 1),
            expiresAt: nil,
            models: models,
            outputTokensMax: nil,
            caps: [],
            rates: .none,
            addresses: nil
        )
    }

    @Test func `changes beyond a few thousand are built into the table`() {
        let hashes = (0..<6_000).map { SHA256.hash("\($0)".utf8) }
        let position = DirectoryPosition(oldestRunning: 1, readAt: .sample)
        var snapshot = DirectorySnapshot(
            accounts: [:],
            keys: KeyTable((0..<1_000).map { (hash: hashes[$0], key: key(UInt64($0))) }),
            position: position
        )
        for index in 0..<6_000 {
            var changes = DirectoryChanges()
            // Every third is revoked, the others are new or changed.
            changes.keys[hashes[index]] =
                .some(index % 3 == 0 ? nil : key(UInt64(index), models: ["m"]))
            snapshot = snapshot.applying(changes, position)
        }
        for index in 0..<6_000 {
            let found = snapshot.key(hashes[index])
            #expect(found == (index % 3 == 0 ? nil : key(UInt64(index), models: ["m"])))
        }
    }
}
