import Digest
import Schema

/// Follows events and seals, both by account and version, and names where they do not agree.
///
/// Pure: what it is given is all it knows. A seal is begun before the events that it covers.
struct SealAudit {
    private(set) var findings: [Verification.Finding] = []
    private(set) var sealedEvents: Int64 = 0
    private(set) var seals: Int64 = 0
    private(set) var pinned: PinnedSeals

    private var account: AccountID?
    private var nextVersion: Int64 = 1
    /// The account's seal before `current`.
    private var previous: Seal?
    private var current: Seal?
    private var isCurrentLocated = false
    /// The hashes of the current seal's events.
    private var hashes: [SHA256Digest] = []

    init(_ pinned: PinnedSeals) {
        self.pinned = pinned
    }

    /// Begins a seal: the events that come next are under it.
    mutating func begin(_ seal: Seal) {
        endCurrent()
        turn(to: seal.account)
        seals += 1
        pinned.note(seal)
        let expected = (previous?.lastVersion ?? 0) + 1
        if seal.firstVersion != expected {
            find(
                expected,
                "the seals of versions \(expected) to \(seal.firstVersion - 1) are missing"
            )
        }
        current = seal
        isCurrentLocated = false
        hashes.removeAll(keepingCapacity: true)
    }

    /// Takes the next event.
    mutating func add(_ event: SealedEvent, of account: AccountID) {
        if account != self.account {
            endCurrent()
            turn(to: account)
        }
        if event.version != nextVersion {
            find(
                nextVersion,
                event.version == nextVersion + 1
                    ? "version \(nextVersion) is missing"
                    : "versions \(nextVersion) to \(event.version - 1) are missing"
            )
        }
        nextVersion = event.version + 1
        guard let seal = current, event.version >= seal.firstVersion else { return }
        guard event.version <= seal.lastVersion else { return endCurrent() }
        let hash = event.hash
        hashes.append(hash)
        sealedEvents += 1
        if !isCurrentLocated, !seal.recognises(hash, at: event.version) {
            isCurrentLocated = true
            find(event.version, "the event is not the one that was sealed")
        }
        if event.version == seal.lastVersion { endCurrent() }
    }

    /// Ends the last account.
    mutating func finish() {
        endCurrent()
        turn(to: nil)
    }

    private mutating func turn(to account: AccountID?) {
        guard account != self.account else { return }
        self.account = account
        nextVersion = 1
        previous = nil
    }

    /// Judges the current seal by the events that came.
    private mutating func endCurrent() {
        guard let seal = current else { return }
        current = nil
        defer { previous = seal }
        let span = "versions \(seal.firstVersion) to \(seal.lastVersion)"
        guard seal.format == Seal.formatWritten else {
            return find(seal.firstVersion, "the seal of \(span) has an unknown form")
        }
        if hashes.count < seal.eventCount {
            if nextVersion <= seal.lastVersion {
                let first = max(nextVersion, seal.firstVersion)
                find(first, "versions \(first) to \(seal.lastVersion) were sealed and are missing")
                nextVersion = seal.lastVersion + 1
            }
        } else if seal.hash(over: hashes) == seal.hash {
            judgeLink(of: seal)
        } else if !isCurrentLocated {
            find(seal.firstVersion, "the seal of \(span) is not that of its events")
        }
    }

    /// Judges what stands before a seal that is sound by itself.
    private mutating func judgeLink(of seal: Seal) {
        let before = previous?.hash ?? Seal.hashBeforeAll
        guard seal.previousHash != before, seal.firstVersion == (previous?.lastVersion ?? 0) + 1
        else { return }
        guard let previous else {
            return find(1, "the first seal follows another one, which is missing")
        }
        find(
            previous.firstVersion,
            "versions \(previous.firstVersion) to \(previous.lastVersion) were sealed anew: the"
                + " next seal follows another one"
        )
    }

    private mutating func find(_ version: Int64, _ message: String) {
        guard let account else { return }
        findings.append(
            Verification.Finding(
                account: account,
                version: version,
                invariant: "I2",
                message: message
            )
        )
    }
}
