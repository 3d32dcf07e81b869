import Postgres
import Schema
import Synchronization

/// Checks the constitution on what the database holds: I1 to I4, I6 of the escrow, the content of
/// every event, and the seals over them.
package struct Verification: Sendable {
    /// Findings beyond these are counted, not kept.
    package static let findingsMax = 1_000
    /// Connections that verify at once.
    private static let workerCount = 2

    private let database: Database

    package init(_ database: Database) {
        self.database = database
    }

    /// Something that must not be.
    package struct Finding: Hashable, Sendable {
        package let account: AccountID
        /// The first version that is concerned; nil when it is the account as a whole.
        package let version: Int64?
        /// By the name it has in ARCHITECTURE.md: `I2`.
        package let invariant: String
        package let message: String
    }

    package struct Report: Hashable, Sendable {
        package var accounts: Int64 = 0
        package var events: Int64 = 0
        package var seals: Int64 = 0
        /// Events that are under a seal; the others are younger than the sealer's interval.
        package var sealedEvents: Int64 = 0
        package var findings: [Finding] = []
        package var findingCount = 0

        package var isOK: Bool { findingCount == 0 }
    }

    /// How far it has come: events that were read again, of all there were at the start.
    package struct Progress: Hashable, Sendable {
        package var done: Int64
        package var total: Int64
    }

    /// Checks one account, or all of them, each as of one instant.
    ///
    /// Every event is read again and hashed, by two connections, a partition each; that takes as
    /// long as there are events, and the memory of some thousands.
    ///
    /// - Parameter pins: seals that were kept outside and must still be in the ledger.
    package func run(
        account: AccountID? = nil,
        pins: [SealPin] = [],
        progress: @escaping @Sendable (Progress) -> Void = { _ in }
    ) async throws(LedgerError) -> Report {
        let (scopes, total) = try await plan(account)
        let pins = PinnedSeals(account.map { only in pins.filter { $0.account == only } } ?? pins)
        let work = VerificationWork(scopes, total: total, progress)
        do {
            var outcome = try await withThrowingTaskGroup(of: ScopeVerification.Outcome.self) {
                group in
                for _ in 0..<min(Self.workerCount, scopes.count) {
                    group.addTask { try await run(work, pins) }
                }
                return try await group.reduce(ScopeVerification.Outcome(pinned: pins)) {
                    $0.merging($1)
                }
            }
            outcome.report.add(outcome.pinned.findings)
            outcome.report.findings.sort { $0.place < $1.place }
            return outcome.report
        } catch {
            throw LedgerError(error)
        }
    }

    /// What is to be verified, and how many events that are, as far as the heads know.
    private func plan(
        _ account: AccountID?
    ) async throws(LedgerError) -> (scopes: [VerificationScope], total: Int64) {
        try await database.ledgerRead { session in
            let scope: SQL = account.map { "account_id = \($0)" } ?? "true"
            let total = try session.execute(
                """
                SELECT coalesce(sum(version), 0)::bigint AS total
                FROM account_heads WHERE \(scope)
                """
            ).single().get("total", as: Int64.self)
            if let account { return ([VerificationScope(account)], total) }
            return (try VerificationScope.all(session), total)
        }
    }

    /// Verifies scopes as long as there are some.
    private func run(
        _ work: VerificationWork,
        _ pins: PinnedSeals
    ) async throws -> ScopeVerification.Outcome {
        var outcome = ScopeVerification.Outcome(pinned: pins)
        while let scope = work.next() {
            let more = try await database.transaction(.repeatableRead) { session in
                try ScopeVerification(session: session, scope: scope, advance: work.advance)
                    .run(pins)
            }
            outcome = outcome.merging(more)
        }
        return outcome
    }
}

/// Hands scopes out to the workers and counts what they have read.
private final class VerificationWork: Sendable {
    private struct State {
        var scopes: [VerificationScope]
        var progress: Verification.Progress
    }

    private let state: Mutex<State>
    private let report: @Sendable (Verification.Progress) -> Void

    init(
        _ scopes: [VerificationScope],
        total: Int64,
        _ report: @escaping @Sendable (Verification.Progress) -> Void
    ) {
        state = Mutex(State(scopes: scopes, progress: .init(done: 0, total: total)))
        self.report = report
    }

    func next() -> VerificationScope? { state.withLock { $0.scopes.popLast() } }

    func advance(by count: Int) {
        let progress = state.withLock { state in
            state.progress.done += Int64(count)
            return state.progress
        }
        report(progress)
    }
}

extension ScopeVerification.Outcome {
    fileprivate func merging(_ other: Self) -> Self {
        var merged = self
        merged.report.accounts += other.report.accounts
        merged.report.events += other.report.events
        merged.report.seals += other.report.seals
        merged.report.sealedEvents += other.report.sealedEvents
        merged.report.findingCount += other.report.findingCount - other.report.findings.count
        merged.report.add(other.report.findings)
        merged.pinned.merge(other.pinned)
        return merged
    }
}

extension Verification.Report {
    mutating func add(_ more: [Verification.Finding]) {
        findingCount += more.count
        findings += more.prefix(Verification.findingsMax - findings.count)
    }
}

extension Verification.Finding {
    /// By account, and in it by version; what concerns the account as a whole comes first.
    fileprivate var place: (AccountID, Int64, String) { (account, version ?? 0, invariant) }
}
