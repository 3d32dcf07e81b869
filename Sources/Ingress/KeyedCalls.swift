import Digest
import Formats
import Ledger
import Schema
import Synchronization

/// Calls that come with an `Idempotency-Key`: claimed before they are admitted, ended after they
/// are settled.
///
/// No other call pays for it. What the database cannot be told at a call's end is kept in memory
/// and tried again; the call's repeats find it running meanwhile.
package final class KeyedCalls: Sendable {
    /// How many answers wait for the database at most; of the others only the charge does.
    private static let lateAnswersMax = 256

    private struct Late: Sendable {
        let call: KeyedCall
        let end: End
    }

    /// How a claimed call ended.
    enum End: Sendable {
        case answered(KeyedAnswer?, charge: Pico)
        /// Nothing was answered that is worth keeping, and nothing charged.
        case released
    }

    private let store: KeyedCallStore
    private let log: Log
    private let late = Mutex<[Late]>([])

    package init(_ store: KeyedCallStore, log: Log) {
        self.store = store
        self.log = log
    }

    func claim(_ call: KeyedCall) async throws(APIError) -> KeyedCallClaim {
        do {
            return try await store.claim(call)
        } catch {
            log.debug("a call cannot be claimed", ["error": .text("\(error)")])
            throw APIError(
                .unavailable(retryAfterSeconds: 1),
                "A call with an Idempotency-Key needs the ledger, which cannot be reached."
            )
        }
    }

    func end(_ call: KeyedCall, _ end: End) async {
        guard await !hasNoted(call, end) else { return }
        late.withLock { late in
            var end = end
            if late.count >= Self.lateAnswersMax, case .answered(_, let charge) = end {
                end = .answered(nil, charge: charge)
            }
            late.append(Late(call: call, end: end))
        }
    }

    /// How many ends wait for the database.
    package var lateCount: Int { late.withLock(\.count) }

    /// Tries again what the database could not be told.
    package func retryLate() async {
        for entry in late.withLock(\.self) {
            guard await hasNoted(entry.call, entry.end) else { return }
            late.withLock { late in late.removeAll { $0.call == entry.call } }
        }
    }

    /// Forgets calls of more than a day ago.
    package func forgetOld() async {
        do {
            let count = try await store.forgetOld()
            guard count > 0 else { return }
            log.debug("forgot keyed calls", ["calls": .number(Int64(count))])
        } catch {
            // Others do it, or the next round.
            log.debug("keyed calls cannot be forgotten", ["error": .text("\(error)")])
        }
    }

    private func hasNoted(_ call: KeyedCall, _ end: End) async -> Bool {
        do {
            switch end {
            case .answered(let answer, let charge):
                try await store.end(call, charge: charge, answer: answer)
            case .released:
                try await store.release(call)
            }
            return true
        } catch {
            log.warning("a keyed call's end waits for the database", ["error": .text("\(error)")])
            return false
        }
    }
}
