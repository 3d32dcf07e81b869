/// Keeps calls from an upstream that fails, and finds out with one call at a time when it no
/// longer does.
///
/// Closed, it counts failures in a row; at the threshold it opens and refuses every call for a
/// while; then one probe goes, and decides: a failure opens it again for twice as long. The head of
/// its answer lets others go, but only what comes behind the head closes the circuit.
///
/// Pure: the time is a parameter.
struct CircuitBreaker: Hashable, Sendable {
    enum State: Hashable, Sendable {
        case closed
        case open(until: ContinuousClock.Instant)
        /// A probe is under way, and all others are refused.
        case halfOpen
        /// The probe has begun to be answered: others go, and it still decides.
        case recovering
    }

    enum Entry: Hashable, Sendable {
        case free
        /// Goes as the one call that decides.
        case probe
        case refused
    }

    private(set) var state = State.closed
    /// Failures in a row, while closed.
    private(set) var failureCount = 0
    /// Openings in a row, without a success between them.
    private var openingCount = 0
    private var settings: CircuitSettings

    init(_ settings: CircuitSettings = CircuitSettings()) {
        self.settings = settings
    }

    /// Whether a call may go as if there were no breaker.
    var isQuiet: Bool { state == .closed && failureCount == 0 }

    /// Asks for a call; one that was not refused ends in `succeed`, `fail` or `giveUp`.
    mutating func enter(at now: ContinuousClock.Instant) -> Entry {
        switch state {
        case .closed, .recovering: return .free
        case .open(let until) where now >= until:
            state = .halfOpen
            return .probe
        case .open, .halfOpen: return .refused
        }
    }

    /// The upstream has begun to answer, which may still come to nothing.
    mutating func begin(isProbe: Bool) {
        if isProbe, state == .halfOpen { state = .recovering }
    }

    /// The upstream answered.
    ///
    /// Calls from before an opening say nothing about what is now.
    mutating func succeed(isProbe: Bool) {
        guard isProbe || state == .closed else { return }
        state = .closed
        failureCount = 0
        openingCount = 0
    }

    mutating func fail(isProbe: Bool, at now: ContinuousClock.Instant) {
        if isProbe, isProbing { return open(at: now) }
        guard state == .closed else { return }
        failureCount += 1
        if failureCount >= settings.failuresMax { open(at: now) }
    }

    /// A call ended without saying anything about the upstream; the next is the probe then.
    mutating func giveUp(isProbe: Bool, at now: ContinuousClock.Instant) {
        if isProbe, isProbing { state = .open(until: now) }
    }

    /// The same under other settings, in a configuration that has no part in a running probe.
    func resumed(under settings: CircuitSettings, at now: ContinuousClock.Instant) -> Self {
        var breaker = self
        breaker.settings = settings
        switch state {
        case .closed: break
        case .open(let until): breaker.state = .open(until: min(until, now + settings.openForMax))
        case .halfOpen, .recovering: breaker.state = .open(until: now)
        }
        return breaker
    }

    private var isProbing: Bool { state == .halfOpen || state == .recovering }

    private mutating func open(at now: ContinuousClock.Instant) {
        let doublings = min(openingCount, 16)
        let openFor = min(settings.openFor * (1 << doublings), settings.openForMax)
        state = .open(until: now + openFor)
        failureCount = 0
        openingCount += 1
    }
}

/// When an upstream counts as out of order.
package struct CircuitSettings: Hashable, Sendable {
    /// So many failures in a row open the circuit.
    package var failuresMax = 5
    /// How long it is open for the first time; twice as long each time that the probe fails.
    package var openFor = Duration.seconds(5)
    package var openForMax = Duration.seconds(60)

    package init() {}
}
