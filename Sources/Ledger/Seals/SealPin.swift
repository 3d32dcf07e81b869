import Digest
import Schema

/// A seal as it was written down outside of the database: where nobody who can change the ledger
/// can change it too.
package struct SealPin: Hashable, Sendable {
    package let account: AccountID
    package let lastVersion: Int64
    package let hash: SHA256Digest

    package init(account: AccountID, lastVersion: Int64, hash: SHA256Digest) {
        self.account = account
        self.lastVersion = lastVersion
        self.hash = hash
    }
}

/// Pins, and what the ledger has in their places.
struct PinnedSeals: Sendable {
    private let pins: [AccountID: [SealPin]]
    /// The hashes that the ledger has where pins are.
    private var found: [AccountID: [Int64: SHA256Digest]] = [:]

    init(_ pins: some Sequence<SealPin>) {
        self.pins = Dictionary(grouping: pins, by: \.account)
    }

    /// Notes what the ledger has, if there is a pin for it.
    mutating func note(_ seal: Seal) {
        guard let pins = pins[seal.account],
            pins.contains(where: { $0.lastVersion == seal.lastVersion })
        else { return }
        found[seal.account, default: [:]][seal.lastVersion] = seal.hash
    }

    /// Adds what was noted of other accounts.
    mutating func merge(_ other: PinnedSeals) {
        found.merge(other.found) { _, new in new }
    }

    /// For each account whose seals are not those that were pinned, the first version that may
    /// have been rewritten: the one behind the last pin that holds.
    var findings: [Verification.Finding] {
        pins.keys.sorted().compactMap { account in
            var lastGood: Int64 = 0
            let ordered = (pins[account] ?? []).sorted { $0.lastVersion < $1.lastVersion }
            for pin in ordered {
                let hash = found[account]?[pin.lastVersion]
                if hash == pin.hash {
                    lastGood = pin.lastVersion
                    continue
                }
                let what = hash == nil ? "is not in the ledger" : "is another one in the ledger"
                return Verification.Finding(
                    account: account,
                    version: lastGood + 1,
                    invariant: "I2",
                    message: "the pinned seal up to version \(pin.lastVersion) \(what): versions"
                        + " \(lastGood + 1) to \(pin.lastVersion) are not what they were"
                )
            }
            return nil
        }
    }
}
