import Journal
import Ledger
import Schema
import Synchronization

/// Ends the calls that an earlier process of this instance left without an end.
///
/// Each becomes a usage event under the identifier that was minted at its admission, with the
/// outcome `interrupted` and no charge: what the client got is not known, and the hold, which the
/// event states, bounds what the operator may have lost.
package enum InterruptedCalls {
    /// What a start found and ended.
    package struct Report: Sendable {
        package var count = 0
        /// Σ of the holds, by far the most that the upstreams can have billed for these calls.
        package var lossBound = Pico.zero
        /// Drafts that cannot be read and stay where they are.
        package var unreadable = 0
    }

    /// - Parameter now: the instant of settlement that the events carry.
    package static func end(
        in journal: Journal,
        at now: Instant
    ) async throws(JournalError) -> Report {
        let report = Mutex(Report())
        _ = try await journal.recover { _, payload in
            guard let draft = try? EventEncoding.decode(payload),
                case .usage(let usage) = draft.body
            else {
                report.withLock { $0.unreadable += 1 }
                return nil
            }
            report.withLock { report in
                report.count += 1
                report.lossBound += usage.hold
            }
            return EventEncoding.encode(interrupted(draft, usage, at: now))
        }
        return report.withLock(\.self)
    }

    private static func interrupted(_ draft: Event, _ usage: Usage, at now: Instant) -> Event {
        var usage = usage
        usage.outcome = .interrupted
        usage.source = .none
        let elapsed = (now.microseconds - usage.admittedAt.microseconds) / 1_000
        usage.latencyMilliseconds = max(0, elapsed)
        // A clock that stepped back must not date the end before the beginning.
        return Event(
            account: draft.account,
            id: draft.id,
            occurredAt: max(now, usage.admittedAt),
            body: .usage(usage)
        )
    }
}
