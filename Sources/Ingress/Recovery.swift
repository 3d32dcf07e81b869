import Journal
import Ledger
import Schema
import Synchronization

/// Ends the calls that an earlier process of this instance left without an end.
///
/// Each becomes a usage event under the identifier that was minted at its admission, with the
/// outcome `interrupted` and the charge that the journal saw: none, or, where the policy is to
/// measure, that of what had been streamed about a second before. What the client got is not known;
/// the hold, which the event states, bounds what the operator may have lost.
package enum InterruptedCalls {
    /// What a start found and ended.
    package struct Report: Sendable {
        package var count = 0
        /// Σ of the holds less the charges, by far the most that the upstreams can have billed for these calls.
        package var lossBound = Pico.zero
        /// Calls that may still be running elsewhere, and stay without an end.
        package var running = 0
        /// Drafts that cannot be read and stay where they are.
        package var unreadable = 0
    }

    /// - Parameters:
    ///   - now: the instant of settlement that the events carry.
    ///   - deadline: leaves calls that were admitted after it; nil where none can be running.
    package static func end(
        in journal: Journal,
        at now: Instant,
        admittedBy deadline: Instant? = nil
    ) async throws(JournalError) -> Report {
        let report = Mutex(Report())
        _ = try await journal.recover { _, payload in
            if let deadline, let admittedAt = admission(of: payload), admittedAt > deadline {
                report.withLock { $0.running += 1 }
                return nil
            }
            guard let ended = ended(payload, at: now) else {
                report.withLock { $0.unreadable += 1 }
                return nil
            }
            report.withLock { report in
                report.count += 1
                report.lossBound += ended.lossBound
            }
            return ended.payload
        }
        return report.withLock(\.self)
    }

    private static func admission(of draft: [UInt8]) -> Instant? {
        guard let event = try? EventEncoding.decode(draft), case .usage(let usage) = event.body
        else { return nil }
        return usage.admittedAt
    }

    /// The end of a call without one, and what of its hold was not charged; nil for a draft that
    /// cannot be read.
    package static func ended(
        _ draft: [UInt8],
        at now: Instant
    ) -> (payload: [UInt8], lossBound: Pico)? {
        guard let draft = try? EventEncoding.decode(draft), case .usage(var usage) = draft.body
        else { return nil }
        usage.outcome = .interrupted
        let elapsed = (now.microseconds - usage.admittedAt.microseconds) / 1_000
        usage.latencyMilliseconds = max(0, elapsed)
        // A clock that stepped back must not date the end before the beginning.
        let event = Event(
            account: draft.account,
            id: draft.id,
            occurredAt: max(now, usage.admittedAt),
            body: .usage(usage)
        )
        return (EventEncoding.encode(event), usage.hold - usage.charge)
    }
}
