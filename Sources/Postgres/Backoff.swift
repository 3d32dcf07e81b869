/// When to try again after failures: exponential, with half of each pause random.
struct Backoff: Sendable {
    private let bounds: ClosedRange<Duration>
    private var failureCount = 0
    private var notBefore: ContinuousClock.Instant?

    init(bounds: ClosedRange<Duration>) {
        self.bounds = bounds
    }

    /// Notes a failure and returns the pause.
    @discardableResult
    mutating func failed(at now: ContinuousClock.Instant, random: UInt64) -> Duration {
        let doubled = bounds.lowerBound * (1 << min(failureCount, 20))
        let half = min(doubled, bounds.upperBound) / 2
        let pause = half + half / 1_024 * Int(random % 1_025)
        failureCount += 1
        notBefore = now.advanced(by: pause)
        return pause
    }

    /// Notes a success: the next failure starts from the beginning.
    mutating func succeeded() {
        failureCount = 0
        notBefore = nil
    }

    /// Whether an attempt may be made.
    func allowsAttempt(at now: ContinuousClock.Instant) -> Bool {
        notBefore.map { $0 <= now } ?? true
    }
}
