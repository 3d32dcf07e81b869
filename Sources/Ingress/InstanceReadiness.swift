import Synchronization

/// Whether this instance may admit calls, and if not, why: for `/readyz` and for refusals.
package final class InstanceReadiness: Sendable {
    /// A condition that admission needs.
    package enum Condition: String, CaseIterable, Sendable {
        case starting = "it is starting"
        case draining = "it is stopping"
        case journalFailing = "its journal cannot be written"
        case superseded = "another process has taken its identity"
    }

    private let broken = Mutex<Set<Condition>>([.starting])
    /// Read on every call without the lock.
    private let brokenCount = Atomic<Int>(1)

    package init() {}

    package func set(_ condition: Condition, to holds: Bool) {
        broken.withLock { broken in
            if holds { broken.insert(condition) } else { broken.remove(condition) }
            brokenCount.store(broken.count, ordering: .releasing)
        }
    }

    package var reasons: [Condition] {
        broken.withLock { broken in Condition.allCases.filter(broken.contains) }
    }

    var reasonNotToAdmit: String? {
        guard brokenCount.load(ordering: .acquiring) > 0 else { return nil }
        return reasons.first?.rawValue
    }
}
