import Schema

/// What one upstream's calls have shown of it: its circuit, its keys, and how attempts ended.
///
/// Pure: the time is a parameter.
struct UpstreamHealth: Sendable {
    /// Leave for one call.
    struct Permit: Hashable, Sendable {
        /// The place of the key to use; nil for an upstream without keys.
        var key: Int?
        var isProbe = false
        /// Whether the key counts the call.
        var isCounted = false
    }

    /// Why an upstream takes no call now.
    enum Refusal: Error, Hashable, Sendable {
        case circuitOpen
        /// As many calls as it may have are running.
        case busy
        /// The upstream has refused every key.
        case noKey
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
    /// Failed attempts by the way they ended.
    private(set) var failures: [AttemptEnd: Int64] = [:]

    init(_ circuit: CircuitSettings, keyCount: Int, keyConcurrencyMax: Int?) {
        breaker = CircuitBreaker(circuit)
        keys = KeyPool(count: keyCount, concurrencyMax: keyConcurrencyMax)
    }

    /// Whether every call would get the same permit, and its success would change nothing.
    var isQuiet: Bool { breaker.isQuiet && keys.isQuiet }

    /// What a call gets while all is quiet.
    var quietPermit: Permit { Permit(key: keys.count == 0 ? nil : 0) }

    func hasUsableKey(at now: ContinuousClock.Instant) -> Bool {
        (0..<keys.count).contains { keys.state($0, at: now) == .usable }
    }

    mutating func enter(at now: ContinuousClock.Instant) -> Result<Permit, Refusal> {
        let entry = breaker.enter(at: now)
        guard entry != .refused else { return .failure(.circuitOpen) }
        let isProbe = entry == .probe
        guard keys.count > 0 else { return .success(Permit(isProbe: isProbe)) }
        let refusal: Refusal
        switch keys.take(at: now) {
        case .key(let key): return .success(Permit(key: key, isProbe: isProbe, isCounted: true))
        case .allBusy: refusal = .busy
        case .allSidelined: refusal = .noKey
        }
        breaker.giveUp(isProbe: isProbe, at: now)
        return .failure(refusal)
    }

    /// The upstream has begun to answer.
    mutating func note(answerTo permit: Permit) {
        breaker.succeed(isProbe: permit.isProbe)
        if let key = permit.key { keys.accept(key) }
    }

    mutating func leave(_ permit: Permit, _ end: End, at now: ContinuousClock.Instant) {
        if permit.isCounted, let key = permit.key { keys.giveBack(key) }
        switch end {
        case .answered: note(answerTo: permit)
        case .unknown: breaker.giveUp(isProbe: permit.isProbe, at: now)
        case .failed(let failure):
            failures[failure.end, default: 0] += 1
            if failure.isUpstreamFault {
                breaker.fail(isProbe: permit.isProbe, at: now)
            } else {
                breaker.succeed(isProbe: permit.isProbe)
            }
            guard let key = permit.key else { return }
            switch failure.end {
            case .keyRefused: keys.sideline(key, at: now)
            case .limited:
                keys.limit(key, until: now + (failure.retryAfter ?? AttemptFailure.pause))
            case .unreachable, .failed, .timedOut, .broken, .refused: break
            }
        }
    }
}
