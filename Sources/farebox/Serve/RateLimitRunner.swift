import EventLoop
import Ledger
import Synchronization

/// Keeps this instance's shares in keys' rate limits from start to stop.
final class RateLimitRunner: Service {
    /// How long a stop waits for the database to take back what is not used; it comes free by
    /// itself otherwise, a minute after this instance has fallen silent.
    private static let stopMax = Duration.seconds(2)

    let name = "rate limits"
    private let limiter: RateLimiter
    private let running = Mutex<Task<Void, Never>?>(nil)

    init(_ limiter: RateLimiter) {
        self.limiter = limiter
    }

    func start() async throws {
        let limiter = limiter
        running.withLock { $0 = Task { await limiter.run() } }
    }

    func stop(by deadline: ContinuousClock.Instant) async {
        await limiter.stop(by: min(deadline, .now + Self.stopMax))
        running.withLock(\.self)?.cancel()
    }
}
