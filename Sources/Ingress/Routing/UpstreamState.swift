import Schema
import Synchronization

/// One upstream as it is now, shared by all loops.
///
/// While nothing is wrong with an upstream of one key, a call costs it four atomic operations:
/// the lock is taken only when there is something to decide or to remember.
final class UpstreamState: Sendable {
    typealias Permit = UpstreamHealth.Permit

    let upstream: Upstream
    private let inFlightCount = Atomic<Int>(0)
    private let answeredCount = Atomic<Int64>(0)
    /// Whether calls must ask the health; false while it is quiet.
    private let isGuarded: Atomic<Bool>
    private let quietPermit: Permit
    private let health: Mutex<UpstreamHealth>

    init(_ upstream: Upstream) {
        self.upstream = upstream
        let health = UpstreamHealth(
            upstream.circuit,
            keyCount: upstream.apiKeys.count,
            keyConcurrencyMax: upstream.keyConcurrencyMax
        )
        quietPermit = health.quietPermit
        isGuarded = Atomic(!health.isQuiet)
        self.health = Mutex(health)
    }

    var inFlight: Int { inFlightCount.load(ordering: .relaxed) }

    /// Takes a place for one call, which ends in `leave`.
    func enter(at now: ContinuousClock.Instant) -> Result<Permit, UpstreamHealth.Refusal> {
        let count = inFlightCount.wrappingAdd(1, ordering: .relaxed).newValue
        if let most = upstream.concurrencyMax, count > most {
            inFlightCount.wrappingSubtract(1, ordering: .relaxed)
            return .failure(.busy)
        }
        guard isGuarded.load(ordering: .acquiring) else { return .success(quietPermit) }
        let entry = change { $0.enter(at: now) }
        if case .failure = entry { inFlightCount.wrappingSubtract(1, ordering: .relaxed) }
        return entry
    }

    /// The upstream has begun to answer: where the call was the probe, others may follow.
    func note(answerTo permit: inout Permit) {
        if isGuarded.load(ordering: .acquiring) {
            change { [permit] in $0.note(answerTo: permit) }
        }
        permit.isProbe = false
    }

    func leave(_ permit: Permit, _ end: UpstreamHealth.End, at now: ContinuousClock.Instant) {
        inFlightCount.wrappingSubtract(1, ordering: .relaxed)
        var isNews = permit.isCounted || permit.isProbe
        switch end {
        case .answered: answeredCount.wrappingAdd(1, ordering: .relaxed)
        case .failed: isNews = true
        case .unknown: break
        }
        guard isNews || isGuarded.load(ordering: .acquiring) else { return }
        change { $0.leave(permit, end, at: now) }
    }

    /// Whether there is a key that was neither refused nor is limited.
    func hasUsableKey(at now: ContinuousClock.Instant) -> Bool {
        health.withLock { $0.hasUsableKey(at: now) }
    }

    /// The key that a permit stands for; nil for an upstream without keys.
    func key(_ permit: Permit) -> Secret? { permit.key.map { upstream.apiKeys[$0] } }

    func status(at now: ContinuousClock.Instant) -> UpstreamStatus {
        let health = health.withLock(\.self)
        return UpstreamStatus(
            upstream,
            health,
            inFlight: inFlight,
            answered: answeredCount.load(ordering: .relaxed),
            at: now
        )
    }

    private func change<Result: Sendable>(
        _ body: (inout UpstreamHealth) -> Result
    ) -> Result {
        health.withLock { health in
            let result = body(&health)
            isGuarded.store(!health.isQuiet, ordering: .releasing)
            return result
        }
    }
}
