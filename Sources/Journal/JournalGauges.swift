import Synchronization

/// How much the journal holds.
package struct JournalDepth: Hashable, Sendable {
    /// Calls entered and not ended.
    package let openCount: Int
    /// Settled entries that PostgreSQL doesn't have yet.
    package let unshippedCount: Int
    /// The size of the database file and its log, as of a recent turn.
    package let fileBytes: Int
}

/// Whether the journal can take calls.
package enum JournalHealth: Hashable, Sendable {
    case ok
    /// `enter` is refused; `settle` is tried in the room set aside for it.
    case failing(JournalError)
}

/// What any thread may read; the journal's thread alone writes.
final class JournalGauges: Sendable {
    private let openCount = Atomic(0)
    private let unshippedCount = Atomic(0)
    private let fileBytes = Atomic(0)
    private let healthState = Mutex(JournalHealth.ok)

    var depth: JournalDepth {
        JournalDepth(
            openCount: openCount.load(ordering: .relaxed),
            unshippedCount: unshippedCount.load(ordering: .relaxed),
            fileBytes: fileBytes.load(ordering: .relaxed)
        )
    }

    var health: JournalHealth {
        get { healthState.withLock { $0 } }
        set { healthState.withLock { $0 = newValue } }
    }

    func setCounts(open: Int, unshipped: Int) {
        openCount.store(open, ordering: .relaxed)
        unshippedCount.store(unshipped, ordering: .relaxed)
    }

    func setFileBytes(_ count: Int) { fileBytes.store(count, ordering: .relaxed) }
}
