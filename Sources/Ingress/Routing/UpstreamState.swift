import Schema
import Synchronization

/// One upstream as it is now, shared by all loops.
///
/// While nothing is wrong with an upstream of one key, a call costs it four atomic operations:
/// the lock is taken only when there is something to decide or to remember.
final class UpstreamState: Sendable {
    typealias Permit = UpstreamHealth.Permit

    /// What the gate says while calls must ask the health.
    private static let guarded = -1

    let upstream: Upstream
    private let counts: UpstreamCounts
    /// How often the only key has been left aside, which is all that a permit says while the
    /// health is quiet; `guarded` otherwise.
    private let gate: Atomic<Int>
    private let health: Mutex<UpstreamHealth>

    /// - Parameter earlier: the upstream of that name in the configuration before, whose calls may
    ///   still run: what it counted goes on, and what it learnt holds where it still can.
    init(
        _ upstream: Upstream,
        after earlier: UpstreamState? = nil,
        at now: ContinuousClock.Instant = .now
    ) {
        self.upstream = upstream
        counts = earlier?.counts ?? UpstreamCounts()
        let health =
            earlier.map { earlier in
                UpstreamHealth(
                    upstream,
                    after: earlier.health.withLock(\.self),
                    earlier.upstream,
                    at: now
                )
            } ?? UpstreamHealth(upstream)
        gate = Atomic(Self.gate(of: health))
        self.health = Mutex(health)
    }

    private static func gate(of health: UpstreamHealth) -> Int {
        health.isQuiet ? health.keys.quietUse.sideliningCount : guarded
    }

    private var isGuarded: Bool { gate.load(ordering: .acquiring) == Self.guarded }

    var inFlight: Int { counts.running }

    /// Takes a place for one call of a model, which ends in `leave`.
    func enter(
        for model: String,
        at now: ContinuousClock.Instant
    ) -> Result<Permit, UpstreamHealth.Refusal> {
        let count = counts.enter()
        if let most = upstream.concurrencyMax, count > most {
            counts.leave()
            return .failure(.busy)
        }
        let gate = self.gate.load(ordering: .acquiring)
        if gate != Self.guarded {
            return .success(Permit(key: KeyPool.Use(sideliningCount: gate)))
        }
        let entry = change { $0.enter(for: model, at: now) }
        if case .failure = entry { counts.leave() }
        return entry
    }

    /// The upstream has begun to answer well; where the call is the probe, others may follow.
    func note(headOf permit: Permit) {
        if isGuarded { change { $0.note(headOf: permit) } }
    }

    /// The answer has content: failures before it were not the beginning of an outage.
    func note(contentOf permit: inout Permit) {
        permit.hasContent = true
        if isGuarded { change { [permit] in $0.note(contentOf: permit) } }
        permit.isProbe = false
    }

    func leave(
        _ permit: Permit,
        _ end: UpstreamHealth.End,
        for model: String,
        at now: ContinuousClock.Instant
    ) {
        counts.leave()
        var isNews = permit.isCounted || permit.isProbe
        switch end {
        case .answered: counts.noteAnswer()
        case .failed(let failure):
            counts.note(failure.end)
            isNews = true
        case .unknown: break
        }
        guard isNews || isGuarded else { return }
        change { $0.leave(permit, end, for: model, at: now) }
    }

    /// Whether there is a key that was neither refused nor is limited for the model.
    func hasUsableKey(for model: String, at now: ContinuousClock.Instant) -> Bool {
        health.withLock { $0.hasUsableKey(for: model, at: now) }
    }

    /// The key that a permit stands for; nil for an upstream without keys.
    func key(_ permit: Permit) -> Secret? {
        upstream.apiKeys.isEmpty ? nil : upstream.apiKeys[permit.key.index]
    }

    func status(at now: ContinuousClock.Instant) -> UpstreamStatus {
        UpstreamStatus(upstream, health.withLock(\.self), counts, at: now)
    }

    private func change<Result: Sendable>(
        _ body: (inout UpstreamHealth) -> Result
    ) -> Result {
        health.withLock { health in
            let result = body(&health)
            gate.store(Self.gate(of: health), ordering: .releasing)
            return result
        }
    }
}
