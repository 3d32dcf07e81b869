import Ledger
import Postgres
import Schema
import Synchronization

/// Does what billing has to do by the clock, a round at a time.
///
/// Any number of processes may do it at the same time: each account is decided under the lock of
/// its head, and who comes second finds nothing left to do. So that they seldom meet, each goes
/// through the accounts in an order of its own. An account that fails stops no other.
package final class BillingRounds: Sendable {
    package typealias Work = BillingSchedule.Work

    /// What one round came to.
    package struct Report: Sendable {
        /// Accounts that had something to do, and those of them that are done.
        package var due = 0
        package var done = 0
        package var failures: [(account: String, error: LedgerError)] = []
        /// Whether the database went away or the task was cancelled: what is left has to wait.
        package var isInterrupted = false
    }

    private let database: Database
    private let invoices: Invoices
    private let schedule: Mutex<BillingSchedule>
    private let settings: BillingSchedule.Settings

    package init(_ database: Database, _ settings: BillingSchedule.Settings) {
        self.database = database
        self.settings = settings
        invoices = Invoices(database)
        schedule = Mutex(BillingSchedule(settings))
    }

    /// Accounts whose last attempt failed.
    package func failing(_ work: Work) -> Int {
        schedule.withLock { $0.failing(work) }
    }

    /// Does what is due at an instant, several accounts at once.
    ///
    /// An account has one thing done a round: of several months that are over, the first.
    ///
    /// - Throws: when what is due cannot be read.
    package func run(
        _ work: Work,
        at now: Instant,
        width: Int = 1
    ) async throws(LedgerError) -> Report {
        let settings = settings
        let found = try await database.ledgerRead { session in
            try BillingDemands(session: session).find(work, settings, at: now)
        }
        let due = schedule.withLock { $0.due(found, of: work, at: now) }.shuffled()
        return await fulfil(due, at: now, width)
    }

    private func fulfil(
        _ due: [BillingSchedule.Demand],
        at now: Instant,
        _ width: Int
    ) async -> Report {
        await withTaskGroup(of: (BillingSchedule.Demand, LedgerError?).self) { group in
            var report = Report(due: due.count)
            var rest = due[...]
            func add() {
                guard let demand = rest.popFirst() else { return }
                group.addTask { (demand, await self.failure(of: demand, at: now)) }
            }
            for _ in 0..<width { add() }
            while let (demand, error) = await group.next() {
                note(demand, error, at: now, &report)
                if report.isInterrupted { rest = [] }
                add()
            }
            return report
        }
    }

    private func note(
        _ demand: BillingSchedule.Demand,
        _ error: LedgerError?,
        at now: Instant,
        _ report: inout Report
    ) {
        if Task.isCancelled { report.isInterrupted = true }
        guard let error else {
            report.done += 1
            return schedule.withLock { $0.succeeded(demand) }
        }
        // Whether the database failed or this account alone makes it fail, only others can tell:
        // in the next round they come without it.
        if error.isRetrySafe { report.isInterrupted = true }
        guard !Task.isCancelled else { return }
        schedule.withLock { $0.failed(demand, at: now) }
        report.failures.append((demand.slug, error))
    }

    /// Does one thing for an account; nil when it is done.
    private func failure(
        of demand: BillingSchedule.Demand,
        at now: Instant
    ) async -> LedgerError? {
        do throws(LedgerError) {
            try await fulfil(demand, at: now)
            return nil
        } catch {
            return error
        }
    }

    private func fulfil(
        _ demand: BillingSchedule.Demand,
        at now: Instant
    ) async throws(LedgerError) {
        switch demand.content {
        case .checkpoint: try await PeriodCatchUp(database).run(demand.slug, at: now)
        case .month(let month, _):
            _ = try await invoices.close(demand.slug, through: month, at: now)
        case .receipts: _ = try await invoices.issueReceipts(demand.slug, at: now)
        }
    }
}
