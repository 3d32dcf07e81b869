import Digest
import Postgres
import Schema

/// Everything that authentication needs, as it was at one instant; immutable and shared.
///
/// A million keys take about 150 bytes each.
package struct DirectorySnapshot: Sendable {
    /// An account as calls see it.
    package struct Account: Hashable, Sendable {
        package let id: AccountID
        package let slug: String
        package let currency: Currency
        package let isSuspended: Bool
        /// The plan that it pays by; nil for the price list.
        package let plan: String?
    }

    /// A key that is not revoked; it may have expired.
    package struct Key: Hashable, Sendable {
        package let id: KeyID
        package let account: AccountID
        package let project: ProjectID
        package let expiresAt: Instant?
        /// Globs of the models that it may use; nil is all.
        package let models: [String]?
        package let outputTokensMax: Int64?
        /// The caps that its calls count for: its own and its project's, where they have any.
        package let caps: [SpendCap]
        /// What it may use in a minute and at a time.
        package let rates: RateLimits
        /// Where its calls may come from; nil is anywhere.
        package let addresses: [AddressRange]?
    }

    package private(set) var accounts: [AccountID: Account]
    private var keys: KeyTable
    /// What differs from `keys`: a key that is new or changed, nil for one that was revoked.
    private var changedKeys: [SHA256Digest: Key?] = [:]
    private(set) var position: DirectoryPosition

    /// The key of this secret's hash; nil when it is unknown or revoked.
    package func key(_ hash: SHA256Digest) -> Key? {
        if !changedKeys.isEmpty, let changed = changedKeys[hash] { return changed }
        return keys[hash]
    }

    init(accounts: [AccountID: Account], keys: KeyTable, position: DirectoryPosition) {
        self.accounts = accounts
        self.keys = keys
        self.position = position
    }

    /// Whether it was read later.
    package func isNewer(than other: DirectorySnapshot) -> Bool {
        position.readAt > other.position.readAt
    }

    /// So many changed keys are looked up beside the table before they are built into it.
    private static let changedKeysMax = 4_096

    /// The snapshot with changes that were read at a later position.
    func applying(_ changes: DirectoryChanges, _ position: DirectoryPosition) -> DirectorySnapshot {
        var snapshot = self
        snapshot.position = position
        for account in changes.accounts { snapshot.accounts[account.id] = account }
        for (hash, key) in changes.keys { snapshot.changedKeys[hash] = .some(key) }
        if snapshot.changedKeys.count > max(Self.changedKeysMax, keys.count / 8) {
            snapshot.keys = keys.applying(snapshot.changedKeys)
            snapshot.changedKeys = [:]
        }
        return snapshot
    }
}

/// What of a directory has changed, as it is now.
struct DirectoryChanges: Sendable {
    var accounts: [DirectorySnapshot.Account] = []
    /// By the hash of the secret; nil for a key that was revoked.
    var keys: [SHA256Digest: DirectorySnapshot.Key?] = [:]
}

/// Keys by the hash of their secret, in open addressing over one array.
///
/// The hashes are uniform already, so their first bytes are the place to look.
struct KeyTable: Sendable {
    typealias Entry = (hash: SHA256Digest, key: DirectorySnapshot.Key)

    private let entries: [Entry]
    /// Positions in `entries`, plus one; zero is empty.
    ///
    /// A power of two, at most half full.
    private let slots: [UInt32]

    var count: Int { entries.count }

    init(_ entries: [Entry]) {
        self.entries = entries
        var slotCount = 2
        while slotCount < entries.count * 2 { slotCount *= 2 }
        var slots = [UInt32](repeating: 0, count: slotCount)
        for (index, entry) in entries.enumerated() {
            var slot = Self.firstSlot(entry.hash, slotCount)
            while slots[slot] != 0 { slot = (slot + 1) & (slotCount - 1) }
            slots[slot] = UInt32(index + 1)
        }
        self.slots = slots
    }

    subscript(hash: SHA256Digest) -> DirectorySnapshot.Key? {
        var slot = Self.firstSlot(hash, slots.count)
        while slots[slot] != 0 {
            let entry = entries[Int(slots[slot]) - 1]
            if entry.hash == hash { return entry.key }
            slot = (slot + 1) & (slots.count - 1)
        }
        return nil
    }

    /// The table with these keys instead of its own, without those that are nil.
    func applying(_ changes: [SHA256Digest: DirectorySnapshot.Key?]) -> KeyTable {
        var kept = entries.filter { changes[$0.hash] == nil }
        for (hash, key) in changes {
            if let key { kept.append((hash: hash, key: key)) }
        }
        return KeyTable(kept)
    }

    private static func firstSlot(_ hash: SHA256Digest, _ slotCount: Int) -> Int {
        let word = hash.withUnsafeBytes { $0.loadUnaligned(as: UInt64.self) }
        return Int(truncatingIfNeeded: word) & (slotCount - 1)
    }
}
