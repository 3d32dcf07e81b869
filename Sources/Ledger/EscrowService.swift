import Schema
import Synchronization

/// What a composition root may want to log about the escrow.
package enum EscrowNotice: Sendable {
    case registered(InstanceIdentity)
    /// Another process owns the instance: nothing is admitted here any more.
    case superseded
    /// The database was promoted or restored: everything is offered to it again.
    case failedOver
    /// All events are in the ledger again, and the leases are reclaimed from now on.
    case rejoined(events: Int, took: Duration)
    /// Others have closed leases of this instance, which was silent for too long.
    case released
    /// This instance has closed so many leases that others have lost.
    case closedLost(Int)
    /// The database did not take a heartbeat; it is tried again.
    case heartbeatFailed(LedgerError)
    /// The database rejected an operation on a lease, which is not tried again as it is.
    case operationRejected(AccountID, LedgerError)
    /// The stop's deadline came before everything was settled, shipped and given back.
    case drainIncomplete(EscrowHoldings)
}

/// The journal's part in a registration; both calls are durable when they return.
package protocol EscrowNonces: Sendable {
    /// Notes a fresh nonce that is about to be set, and returns what is known of those before.
    func begin(_ fresh: Nonce) async throws(LedgerError) -> KnownRegistrations

    /// Notes that the nonce was set and began an epoch.
    func confirm(_ fresh: Nonce, epoch: Int64) async throws(LedgerError)
}

/// What a journal knows of the registrations of its instance.
package struct KnownRegistrations: Hashable, Sendable {
    /// The last epoch that was confirmed; 0 before the first.
    package let epoch: Int64
    /// What the database may have recorded, likeliest first; nil stands for no registration.
    package let nonces: [Nonce?]

    package init(epoch: Int64, nonces: [Nonce?]) {
        self.epoch = epoch
        self.nonces = nonces
    }
}

/// Carries out what the escrow wants of the database, and keeps the instance's right to admit.
///
/// `start` registers, `run` works until `stop` has drained. Running calls are settled, and events
/// shipped, by others meanwhile.
package final class EscrowService: Sendable {
    package typealias Moment = ContinuousClock.Instant

    package let escrow: Escrow
    let authority: any LeaseAuthority
    private let instance: InstanceID
    let label: String
    private let nonces: any EscrowNonces
    /// Offers all events that the journal keeps to the ledger again; how many they were.
    let reoffer: @Sendable () async throws(LedgerError) -> Int
    let report: @Sendable (EscrowNotice) -> Void
    private let registered = Mutex<InstanceIdentity?>(nil)
    let isSuperseded = Atomic(false)
    let outbox = RecallOutbox()
    let releasesKnown = Atomic<Int64>(0)

    var settings: EscrowSettings { escrow.settings }

    package init(
        escrow: Escrow,
        authority: any LeaseAuthority,
        instance: InstanceID,
        label: String,
        nonces: any EscrowNonces,
        reoffer: @escaping @Sendable () async throws(LedgerError) -> Int,
        report: @escaping @Sendable (EscrowNotice) -> Void
    ) {
        self.escrow = escrow
        self.authority = authority
        self.instance = instance
        self.label = label
        self.nonces = nonces
        self.reoffer = reoffer
        self.report = report
    }

    /// This start's identity; nil before `start` has returned.
    package var identity: InstanceIdentity? { registered.withLock { $0 } }

    func adopt(_ identity: InstanceIdentity) { registered.withLock { $0 = identity } }

    /// Registers the instance in a new epoch, and begins to admit.
    ///
    /// - Throws: `.journalCopied` when the journal's nonces are none of the recorded one;
    ///   `.unavailable` when the database doesn't answer (call again).
    package func start() async throws(LedgerError) -> InstanceIdentity {
        let (identity, sentAt) = try await register()
        registered.withLock { $0 = identity }
        escrow.begin(identity, validUntil: sentAt + settings.validity)
        report(.registered(identity))
        return identity
    }

    /// The nonce is in the journal before it is sent, beside those that may be recorded: a crash
    /// at any point leaves the recorded one among them, and a copy of the journal does not have
    /// it any more once this start is recorded.
    private func register() async throws(LedgerError) -> (InstanceIdentity, sentAt: Moment) {
        var generator = SystemRandomNumberGenerator()
        let fresh = Nonce(high: generator.next(), low: generator.next())
        let known = try await nonces.begin(fresh)
        for expected in known.nonces {
            let sentAt = Moment.now
            do throws(LedgerError) {
                let identity = try await authority.register(
                    instance: instance,
                    label: label,
                    expectedNonce: expected,
                    freshNonce: fresh,
                    epochKnown: known.epoch
                )
                try await nonces.confirm(fresh, epoch: identity.epoch)
                return (identity, sentAt)
            } catch {
                guard error.code == .journalCopied else { throw error }
            }
        }
        throw LedgerError(
            .journalCopied,
            "the database has recorded a registration that the journal lacks"
        )
    }
}
