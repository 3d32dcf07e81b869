import Schema
import Synchronization

/// What is counted of one upstream through all its configurations.
final class UpstreamCounts: Sendable {
    private let runningCount = Atomic<Int>(0)
    private let answeredCount = Atomic<Int64>(0)
    private let failureCounts = Mutex<[AttemptEnd: Int64]>([:])

    /// Attempts that run.
    var running: Int { runningCount.load(ordering: .relaxed) }
    /// Attempts that were answered.
    var answered: Int64 { answeredCount.load(ordering: .relaxed) }
    /// Attempts that failed, by the way they ended.
    var failures: [AttemptEnd: Int64] { failureCounts.withLock(\.self) }

    /// Counts an attempt that begins, and says how many run with it.
    func enter() -> Int { runningCount.wrappingAdd(1, ordering: .relaxed).newValue }

    func leave() { runningCount.wrappingSubtract(1, ordering: .relaxed) }

    func noteAnswer() { answeredCount.wrappingAdd(1, ordering: .relaxed) }

    func note(_ end: AttemptEnd) { failureCounts.withLock { $0[end, default: 0] += 1 } }
}
