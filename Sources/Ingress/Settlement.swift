import Billing
import Journal
import Ledger
import Schema
import Synchronization

/// Ends calls: the event into the journal, the hold into what was charged.
///
/// A settlement that the journal cannot take now (a full disk) is kept in memory and tried again;
/// meanwhile nothing new is admitted. If the process dies first, the draft is still in the
/// journal, and the next start ends the call.
package final class Settlement: Sendable {
    private struct Late: Sendable {
        let id: EntryID
        let payload: [UInt8]
    }

    private let journal: Journal
    private let escrow: Escrow
    private let readiness: InstanceReadiness
    private let log: Log
    private let now: @Sendable () -> Instant
    private let late = Mutex<[Late]>([])

    package init(
        journal: Journal,
        escrow: Escrow,
        readiness: InstanceReadiness,
        log: Log,
        now: @escaping @Sendable () -> Instant
    ) {
        self.journal = journal
        self.escrow = escrow
        self.readiness = readiness
        self.log = log
        self.now = now
    }

    /// Writes the call's draft; durable on return, before the request leaves.
    func enter(
        _ admitted: AdmittedCall,
        _ callLoop: CallLoop
    ) async throws(JournalError) {
        let event = Event(
            account: admitted.caller.account.id,
            id: admitted.event,
            occurredAt: admitted.admittedAt,
            body: .usage(admitted.draft)
        )
        callLoop.journalled()
        do {
            try await journal.enter(
                EntryID(admitted.event),
                EventEncoding.encode(event),
                wakes: false
            )
        } catch {
            readiness.set(.journalFailing, to: journal.health != .ok)
            throw error
        }
    }

    /// Writes what a running call has come to, for the case that this process does not see its end.
    func note(_ admitted: AdmittedCall, _ usage: Usage, _ callLoop: CallLoop) async {
        let event = Event(
            account: admitted.caller.account.id,
            id: admitted.event,
            occurredAt: admitted.admittedAt,
            body: .usage(usage)
        )
        callLoop.journalled()
        do {
            let payload = EventEncoding.encode(event)
            try await journal.revise(EntryID(admitted.event), payload, wakes: false)
        } catch {
            // What was written before stands, and the call goes on: only its end must be written.
        }
    }

    /// Writes the call's end; durable on return.
    ///
    /// The hold is turned into the charge.
    func settle(_ admitted: AdmittedCall, _ usage: Usage, _ callLoop: CallLoop) async {
        let event = Event(
            account: admitted.caller.account.id,
            id: admitted.event,
            occurredAt: now(),
            body: .usage(usage)
        )
        let id = EntryID(admitted.event)
        let payload = EventEncoding.encode(event)
        callLoop.journalled()
        do {
            try await journal.settle(id, payload, wakes: false)
        } catch {
            readiness.set(.journalFailing, to: true)
            late.withLock { $0.append(Late(id: id, payload: payload)) }
            log.error("a settlement waits for the journal", ["error": .text("\(error)")])
        }
        escrow.settle(admitted.admission.hold, charge: usage.charge)
    }

    /// How many settlements wait for the journal.
    package var lateCount: Int { late.withLock(\.count) }

    /// Tries again what the journal could not take, and says whether it is well.
    package func retryLate() async {
        for entry in late.withLock(\.self) {
            do {
                try await journal.settle(entry.id, entry.payload)
            } catch  where error.code == .alreadySettled || error.code == .notEntered {
                // It is in the journal: both codes mean that the settlement is kept.
            } catch {
                return
            }
            late.withLock { late in late.removeAll { $0.id == entry.id } }
        }
        readiness.set(.journalFailing, to: journal.health != .ok)
    }
}

extension EntryID {
    init(_ event: EventID) {
        self.init(high: event.high, low: event.low)
    }
}
