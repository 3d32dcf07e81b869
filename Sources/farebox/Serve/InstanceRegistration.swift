import Ingress
import Journal
import Ledger
import Schema

/// Joins the escrow's registration with the journal that remembers it.
enum InstanceRegistration {
    /// The escrow's service under the journal's identity.
    ///
    /// - Parameter shipper: what offers all events again to a database that may lack some; nil for
    ///   a replay, which decides about each account by itself.
    static func service(
        escrow: Escrow,
        authority: any LeaseAuthority,
        journal: Journal,
        shipper: Shipper?,
        label: String,
        readiness: InstanceReadiness,
        log: Log
    ) -> EscrowService {
        EscrowService(
            escrow: escrow,
            authority: authority,
            instance: InstanceID(high: journal.instance.high, low: journal.instance.low),
            label: label,
            nonces: JournalNonces(journal: journal),
            reoffer: { () async throws(LedgerError) in try await shipper?.reofferAll() ?? 0 },
            report: { notice in report(notice, readiness, log) }
        )
    }

    private static func report(_ notice: EscrowNotice, _ readiness: InstanceReadiness, _ log: Log) {
        switch notice {
        case .registered: break
        case .superseded:
            readiness.set(.superseded, to: true)
            log.error("another process has taken this instance's identity: admitting nothing")
        case .failedOver:
            log.warning(
                "the database was promoted or restored: offering it all events again, and"
                    + " leasing nothing new until leases that it may not know have run out"
            )
        case .rejoined(let events, let took):
            log.info(
                "rejoined the database",
                [
                    "events": .number(Int64(events)),
                    "seconds": .number(took.components.seconds),
                ]
            )
        case .released:
            log.warning("others have closed leases of this instance, which was silent for too long")
        case .closedLost(let count):
            log.warning(
                "closed leases of instances that fell silent for good",
                ["leases": .number(Int64(count))]
            )
        case .heartbeatFailed(let error):
            log.warning("a heartbeat failed", ["error": .text("\(error)")])
        case .operationRejected(_, let error) where error.code == .learning:
            log.warning("nothing is leased", ["error": .text("\(error)")])
        case .operationRejected(let account, let error):
            log.error(
                "a lease operation was rejected",
                ["account": .text("\(account)"), "error": .text("\(error)")]
            )
        case .drainIncomplete(let holdings):
            log.error(
                "the drain ended with money still held",
                [
                    "held": .text(holdings.held.description),
                    "unshipped": .text(holdings.unshipped.description),
                ]
            )
        }
    }
}

/// The nonces of an instance's registrations, as its journal keeps them.
private struct JournalNonces: EscrowNonces {
    let journal: Journal

    func begin(_ fresh: Nonce) async throws(LedgerError) -> KnownRegistrations {
        do {
            let registration = try await journal.beginRegistration(
                RegistrationNonce(high: fresh.high, low: fresh.low)
            )
            let nonces = registration.expectedNonces.map { nonce in
                nonce.map { Nonce(high: $0.high, low: $0.low) }
            }
            return KnownRegistrations(epoch: registration.epoch ?? 0, nonces: nonces)
        } catch {
            throw LedgerError(.unavailable, "the journal: \(error)")
        }
    }

    func confirm(_ fresh: Nonce, epoch: Int64) async throws(LedgerError) {
        do {
            try await journal.confirmRegistration(
                RegistrationNonce(high: fresh.high, low: fresh.low),
                epoch: epoch
            )
        } catch {
            throw LedgerError(.unavailable, "the journal: \(error)")
        }
    }
}
