import Digest
import Schema

/// What covers a run of an account's events and, by its hash, every seal before it.
///
/// Whoever keeps the hash of one seal outside of the database can tell later whether any event
/// under it was changed, removed, added or moved.
package struct Seal: Hashable, Sendable {
    /// The form of the hashed bytes that is written.
    package static let formatWritten: Int16 = 1
    /// What the first seal of an account follows.
    package static let hashBeforeAll = SHA256Digest.zero
    /// The most events under one seal.
    package static let eventsMax = 4_096

    package let account: AccountID
    package let firstVersion: Int64
    package let lastVersion: Int64
    package let format: Int16
    /// The hash of the account's seal before this one.
    package let previousHash: SHA256Digest
    package let hash: SHA256Digest
    /// Four bytes of each event's own hash: they prove nothing, but tell which event was changed.
    package let fingerprints: [UInt8]
    package let sealedAt: Instant

    package var eventCount: Int64 { lastVersion - firstVersion + 1 }

    /// What an event's hash leaves in `fingerprints`.
    static let fingerprintByteCount = 4

    /// Takes a seal as it was stored.
    init(
        account: AccountID,
        firstVersion: Int64,
        lastVersion: Int64,
        format: Int16,
        previousHash: SHA256Digest,
        hash: SHA256Digest,
        fingerprints: [UInt8],
        sealedAt: Instant
    ) {
        self.account = account
        self.firstVersion = firstVersion
        self.lastVersion = lastVersion
        self.format = format
        self.previousHash = previousHash
        self.hash = hash
        self.fingerprints = fingerprints
        self.sealedAt = sealedAt
    }

    /// Seals the events of these hashes, the first of which has `firstVersion`.
    init(
        account: AccountID,
        firstVersion: Int64,
        events: some Collection<SHA256Digest>,
        after previousHash: SHA256Digest,
        at instant: Instant
    ) {
        let lastVersion = firstVersion + Int64(events.count) - 1
        var fingerprints: [UInt8] = []
        fingerprints.reserveCapacity(Self.fingerprintByteCount * events.count)
        for event in events {
            withUnsafeBytes(of: Self.fingerprint(event)) { fingerprints.append(contentsOf: $0) }
        }
        self.init(
            account: account,
            firstVersion: firstVersion,
            lastVersion: lastVersion,
            format: Self.formatWritten,
            previousHash: previousHash,
            hash: Self.hash(account, firstVersion...lastVersion, previousHash, instant, events),
            fingerprints: fingerprints,
            sealedAt: instant
        )
    }

    /// The hash that this seal would have over these events.
    func hash(over events: some Collection<SHA256Digest>) -> SHA256Digest {
        Self.hash(account, firstVersion...lastVersion, previousHash, sealedAt, events)
    }

    /// Whether the event has the fingerprint that was kept of it.
    func recognises(_ event: SHA256Digest, at version: Int64) -> Bool {
        let start = Int(version - firstVersion) * Self.fingerprintByteCount
        guard start + Self.fingerprintByteCount <= fingerprints.count else { return false }
        return fingerprints.withUnsafeBytes {
            $0.loadUnaligned(fromByteOffset: start, as: UInt32.self)
        } == Self.fingerprint(event)
    }

    /// The first four bytes, as they lie in memory.
    private static func fingerprint(_ event: SHA256Digest) -> UInt32 {
        event.withUnsafeBytes { $0.loadUnaligned(as: UInt32.self) }
    }

    private static func hash(
        _ account: AccountID,
        _ versions: ClosedRange<Int64>,
        _ previousHash: SHA256Digest,
        _ instant: Instant,
        _ events: some Collection<SHA256Digest>
    ) -> SHA256Digest {
        var bytes: [UInt8] = []
        bytes.reserveCapacity(96 + SHA256Digest.byteCount * events.count)
        func append(_ value: some FixedWidthInteger) {
            withUnsafeBytes(of: value.bigEndian) { bytes.append(contentsOf: $0) }
        }
        append(formatWritten)
        append(account.high)
        append(account.low)
        append(versions.lowerBound)
        append(versions.upperBound)
        append(Int64(events.count))
        append(instant.microseconds)
        previousHash.withUnsafeBytes { bytes.append(contentsOf: $0) }
        for event in events { event.withUnsafeBytes { bytes.append(contentsOf: $0) } }
        return SHA256.hash(bytes)
    }
}
