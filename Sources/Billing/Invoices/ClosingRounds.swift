import Ledger
import Synchronization

/// The accounts that are still to be closed, and what became of the others; shared by those who
/// close them.
///
/// A few tasks take account after account. With a task for each, a few at a time, release builds of
/// Swift 6.3 destroyed the task group before its last child had ended, and the process aborted.
final class ClosingRounds: Sendable {
    private struct State {
        var rest: ArraySlice<String>
        var report = Invoices.CloseReport()
    }

    private let state: Mutex<State>

    init(_ slugs: [String]) {
        state = Mutex(State(rest: slugs[...]))
    }

    /// The next account; nil when all were taken.
    func next() -> String? {
        state.withLock { $0.rest.popFirst() }
    }

    func closed(_ documents: [StoredDocument]) {
        state.withLock { $0.report.documents += documents }
    }

    func failed(_ slug: String, _ error: LedgerError) {
        state.withLock { $0.report.failures.append((slug, error)) }
    }

    /// What was done, documents by their numbers.
    var report: Invoices.CloseReport {
        var report = state.withLock(\.report)
        report.documents.sort { $0.number < $1.number }
        return report
    }
}
