import Schema

/// What one upstream's calls have shown of it: its circuit and its keys.
///
/// Pure: the time is a parameter.
struct UpstreamHealth: Sendable {
    /// Leave for one call.
    struct Permit: Hashable, Sendable {
        var key = KeyPool.Use()
        var isProbe = false
        /// Whether the key counts the call.
        var isCounted = false
        /// Whether the call's answer has had content, which was noted.
        var hasContent = false
    }

    /// Why an upstream takes no call now.
    enum Refusal: Error, Hashable, Sendable {
        /// As many calls as it may have are running.
        case busy
        /// It takes no call of the model with any key for so long.
        case limited(for: Duration)
        case circuitOpen
        /// The upstream has refused every key.
        case noKey

        /// How little it keeps a client from calling again, zero for the least.
        var severity: Int {
            switch self {
            case .busy: 0
            case .limited: 1
            case .circuitOpen: 2
            case .noKey: 3
            }
        }
    }

    /// How a call that had a permit ended, as far as the upstream is concerned.
    enum End: Hashable, Sendable {
        case answered
        case failed(AttemptFailure)
        /// Ended here, before the upstream had shown anything.
        case unknown
    }

    private(set) var breaker: CircuitBreaker
    private(set) var keys: KeyPool
    private let hasKeys: Bool

    init(_ circuit: CircuitSettings, keyCount: Int, keyConcurrencyMax: Int?) {
        breaker = CircuitBreaker(circuit)
        hasKeys = keyCount > 0
        keys = KeyPool(count: max(1, keyCount), concurrencyMax: keyConcurrencyMax)
    }

    init(_ upstream: Upstream) {
        self.init(
            upstream.circuit,
            keyCount: upstream.apiKeys.count,
            keyConcurrencyMax: upstream.keyConcurrencyMax
        )
    }

    /// What was learnt under an earlier configuration as far as it is true of a new one: nothing
    /// at another address, and of keys by what they are.
    init(
        _ upstream: Upstream,
        after earlier: UpstreamHealth,
        _ before: Upstream,
        at now: ContinuousClock.Instant
    ) {
        self.init(upstream)
        guard upstream.baseURL == before.baseURL else { return }
        breaker = earlier.breaker.resumed(under: upstream.circuit, at: now)
        if upstream.apiKeys.isEmpty, before.apiKeys.isEmpty {
            keys.adopt(0, from: earlier.keys, 0, at: now)
        }
        for (index, key) in upstream.apiKeys.enumerated() {
            guard let place = before.apiKeys.firstIndex(of: key) else { continue }
            keys.adopt(index, from: earlier.keys, place, at: now)
        }
    }

    /// Whether every call would get the same permit, and its success would change nothing.
    var isQuiet: Bool { breaker.isQuiet && keys.isQuiet }

    /// Whether another attempt for the model could go with a key, the same or another.
    func hasUsableKey(for model: String, at now: ContinuousClock.Instant) -> Bool {
        hasKeys && keys.hasUsable(for: model, at: now)
    }

    /// - Parameter model: the upstream's name of it, since rates are limited by model.
    mutating func enter(
        for model: String,
        at now: ContinuousClock.Instant
    ) -> Result<Permit, Refusal> {
        let entry = breaker.enter(at: now)
        guard entry != .refused else { return .failure(.circuitOpen) }
        let isProbe = entry == .probe
        let refusal: Refusal
        switch keys.take(for: model, at: now) {
        case .use(let key): return .success(Permit(key: key, isProbe: isProbe, isCounted: true))
        case .allBusy: refusal = .busy
        case .allLimited(let until): refusal = .limited(for: until - now)
        case .allSidelined: refusal = .noKey
        }
        breaker.giveUp(isProbe: isProbe, at: now)
        return .failure(refusal)
    }

    /// The upstream has begun to answer well: it took the key, and nothing else is certain yet.
    mutating func note(headOf permit: Permit) {
        breaker.begin(isProbe: permit.isProbe)
        keys.accept(permit.key)
    }

    /// The upstream has begun to say what was asked for.
    mutating func note(contentOf permit: Permit) {
        breaker.succeed(isProbe: permit.isProbe)
    }

    mutating func leave(
        _ permit: Permit,
        _ end: End,
        for model: String,
        at now: ContinuousClock.Instant
    ) {
        switch end {
        case .answered:
            keys.accept(permit.key)
            breaker.succeed(isProbe: permit.isProbe)
        case .unknown: breaker.giveUp(isProbe: permit.isProbe, at: now)
        case .failed(let failure):
            if failure.isUpstreamFault {
                breaker.fail(isProbe: permit.isProbe, at: now)
            } else {
                breaker.succeed(isProbe: permit.isProbe)
            }
            note(failure, of: permit.key, for: model, at: now)
        }
        if permit.isCounted { keys.giveBack(permit.key, at: now) }
    }

    private mutating func note(
        _ failure: AttemptFailure,
        of key: KeyPool.Use,
        for model: String,
        at now: ContinuousClock.Instant
    ) {
        switch failure.end {
        case .keyRefused:
            if hasKeys { keys.sideline(key, at: now) }
        case .limited:
            keys.accept(key)
            let until = now + (failure.retryAfter ?? AttemptFailure.pause)
            keys.limit(key, for: model, until: until)
        case .unreachable, .failed, .timedOut, .broken, .refused: break
        }
    }
}
