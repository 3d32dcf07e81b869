import Ledger
import Schema

/// What billing has to do by the clock, and which accounts wait for another attempt.
///
/// A value that is told instants and has no clock: `BillingRounds` acts on what it says.
package struct BillingSchedule: Sendable {
    /// Kinds of work, each of which is done apart from the others, so that none waits for another.
    package enum Work: String, CaseIterable, Sendable {
        /// Folding long streams before a close has to, while calls wait for it.
        case checkpoints
        /// Closing months, which finalizes invoices and statements.
        case months
        /// Finalizing receipts of paid grants.
        case receipts
    }

    /// What is done without being asked for.
    ///
    /// A document is for good and has a legal meaning: none is finalized unless somebody said so.
    package struct Settings: Hashable, Sendable {
        /// How long after its end a month is closed, so that late events are still in it; nil for
        /// never.
        package var closeAfterHours: Int64?
        package var issuesReceipts = false

        package init() {}

        package func includes(_ work: Work) -> Bool {
            switch work {
            case .checkpoints: true
            case .months: closeAfterHours != nil
            case .receipts: issuesReceipts
            }
        }
    }

    /// What an account has for the clock to do.
    package struct Demand: Hashable, Sendable {
        package enum Content: Hashable, Sendable {
            /// Its checkpoint is so many events behind its stream.
            case checkpoint(eventsBehind: Int64)
            /// Its first open month.
            case month(Month, endsAt: Instant)
            /// Paid grants lack receipts.
            case receipts
        }

        package let account: AccountID
        package let slug: String
        package let content: Content

        package init(account: AccountID, slug: String, content: Content) {
            self.account = account
            self.slug = slug
            self.content = content
        }

        package var work: Work {
            switch content {
            case .checkpoint: .checkpoints
            case .month: .months
            case .receipts: .receipts
            }
        }
    }

    private struct Failure: Sendable {
        var count: Int
        var retryAt: Instant
    }

    private static let firstPauseSeconds: Int64 = 60
    private static let longestPauseSeconds: Int64 = 3_600

    package let settings: Settings
    private var failures: [Work: [AccountID: Failure]] = [:]

    package init(_ settings: Settings) {
        self.settings = settings
    }

    /// What is due at an instant of all that there is of one kind of work.
    ///
    /// A failure whose account has nothing left to do is forgotten: another process did it.
    package mutating func due(
        _ demands: [Demand],
        of work: Work,
        at now: Instant
    ) -> [Demand] {
        let due = demands.filter { $0.work == work && isDue($0.content, at: now) }
        let accounts = Set(due.map(\.account))
        failures[work]?.keys.filter { !accounts.contains($0) }
            .forEach { failures[work]?.removeValue(forKey: $0) }
        return due.filter { demand in
            failures[work]?[demand.account].map { $0.retryAt <= now } ?? true
        }
    }

    /// Has an account wait before the next attempt, longer each time.
    package mutating func failed(_ demand: Demand, at now: Instant) {
        let count = failures[demand.work]?[demand.account]?.count ?? 0
        let pause = min(Self.firstPauseSeconds << min(Int64(count), 10), Self.longestPauseSeconds)
        failures[demand.work, default: [:]][demand.account] =
            Failure(count: count + 1, retryAt: now.adding(seconds: pause))
    }

    package mutating func succeeded(_ demand: Demand) {
        failures[demand.work]?.removeValue(forKey: demand.account)
    }

    /// Accounts whose last attempt failed.
    package func failing(_ work: Work) -> Int { failures[work]?.count ?? 0 }

    private func isDue(_ content: Demand.Content, at now: Instant) -> Bool {
        switch content {
        case .checkpoint(let eventsBehind):
            return eventsBehind >= PeriodStore.eventsPerCheckpoint
        case .month(_, let endsAt):
            guard let hours = settings.closeAfterHours else { return false }
            return endsAt.adding(seconds: hours * 3_600) <= now
        case .receipts:
            return settings.issuesReceipts
        }
    }
}
