/// Which route a call tries next, and when.
///
/// Routes that were not tried go first, in their order; then those that surely did nothing with
/// the call may have it again after a pause. An attempt that the upstream may have worked on is
/// never repeated there, only elsewhere. Pure: the time is a parameter.
struct AttemptPlan: Hashable, Sendable {
    /// What a failed attempt leaves to do with its route.
    enum Again: Hashable, Sendable {
        /// At once, with another key.
        case atOnce
        case notBefore(ContinuousClock.Instant)
        /// Only other routes.
        case never
    }

    /// What comes of asking for a place at a route's upstream.
    enum Entry: Hashable, Sendable {
        case entered
        /// There is none before then.
        case later(ContinuousClock.Instant)
        /// There is none for this call.
        case closed
    }

    enum Step: Hashable, Sendable {
        /// Try this route, which has been entered.
        case attempt(Int)
        case wait(until: ContinuousClock.Instant)
        /// Nothing is left, or the budget is used up.
        case end
    }

    private struct Repeat: Hashable {
        let route: Int
        let notBefore: ContinuousClock.Instant
    }

    private let routeCount: Int
    private let attemptsMax: Int
    private(set) var attemptCount = 0
    private var untried = 0
    private var atOnce: Int?
    private var repeats: [Repeat] = []

    init(routeCount: Int, attemptsMax: Int) {
        self.routeCount = routeCount
        self.attemptsMax = attemptsMax
    }

    /// - Parameters:
    ///   - waitEnd: no attempt begins after it.
    ///   - enter: takes a place at a route's upstream, or says that there is none now.
    ///     A route that has none before some time goes behind all others, and is no attempt.
    mutating func next(
        at now: ContinuousClock.Instant,
        waitEnd: ContinuousClock.Instant,
        enter: (Int) -> Entry
    ) -> Step {
        guard attemptCount < attemptsMax else { return .end }
        if let route = atOnce {
            atOnce = nil
            if isEntered(route, enter(route)) { return attempt(route) }
        }
        while untried < routeCount {
            untried += 1
            let route = untried - 1
            if isEntered(route, enter(route)) { return attempt(route) }
        }
        for entry in repeats where entry.notBefore <= now {
            repeats.removeAll { $0 == entry }
            if isEntered(entry.route, enter(entry.route)) { return attempt(entry.route) }
        }
        guard let soonest = repeats.map(\.notBefore).min(), soonest <= waitEnd else { return .end }
        return .wait(until: soonest)
    }

    mutating func failed(_ route: Int, _ again: Again) {
        switch again {
        case .atOnce: atOnce = route
        case .notBefore(let instant): repeats.append(Repeat(route: route, notBefore: instant))
        case .never: break
        }
    }

    private mutating func isEntered(_ route: Int, _ entry: Entry) -> Bool {
        if case .later(let instant) = entry { failed(route, .notBefore(instant)) }
        return entry == .entered
    }

    private mutating func attempt(_ route: Int) -> Step {
        attemptCount += 1
        return .attempt(route)
    }
}
