import EventLoop
import Ingress
import Ledger
import Schema
import Synchronization

/// Seals what was appended, from start to stop, and says how far behind it is.
///
/// It stops after the shipper, with a last sweep, so that a stopped Farebox leaves nothing unsealed.
final class SealRunner: Service {
    private static let retryDelay: ClosedRange<Duration> = .seconds(1) ... .seconds(30)

    let name = "sealer"
    private let sealer: Sealer
    private let interval: Duration
    private let log: Log
    private let state = Mutex(State())
    private let running = Mutex<Task<Void, Never>?>(nil)

    private struct State {
        /// When everything that there was had last been sealed.
        var lastCaughtUp = ContinuousClock.now
        var unsealed: Int64 = 0
        var sealedTotal: Int64 = 0
        /// Told once, not every second.
        var broken: Set<String> = []
    }

    init(sealer: Sealer, interval: Duration, log: Log) {
        self.sealer = sealer
        self.interval = interval
        self.log = log
    }

    func start() async throws {
        running.withLock { $0 = Task { await run() } }
    }

    func stop(by deadline: ContinuousClock.Instant) async {
        let task = running.withLock(\.self)
        task?.cancel()
        await task?.value
        if ContinuousClock.now < deadline { _ = try? await sweep() }
    }

    /// For the metrics: events found without a seal, and how long ago there was none left.
    var gauges: [(name: String, value: Int64)] {
        state.withLock { state in
            [
                ("unsealed_events", state.unsealed),
                ("seal_lag_seconds", state.lastCaughtUp.duration(to: .now).components.seconds),
                ("sealed_events", state.sealedTotal),
            ]
        }
    }

    private func run() async {
        var delay = Self.retryDelay.lowerBound
        while !Task.isCancelled {
            do {
                while try await sweep(), !Task.isCancelled {}
                delay = Self.retryDelay.lowerBound
                try await Task.sleep(for: interval)
            } catch is CancellationError {
                return
            } catch {
                log.warning("events cannot be sealed now", ["error": .text("\(error)")])
                try? await Task.sleep(for: delay)
                delay = min(delay * 2, Self.retryDelay.upperBound)
            }
        }
    }

    /// Sweeps once; true when there is more to do at once.
    private func sweep() async throws -> Bool {
        let sweep = try await sealer.sweep()
        let fresh = state.withLock { state in
            state.unsealed = max(0, sweep.unsealed - sweep.sealed)
            state.sealedTotal += sweep.sealed
            if !sweep.isBehind { state.lastCaughtUp = .now }
            let broken = Set(sweep.broken.map(\.description))
            defer { state.broken = broken }
            return broken.subtracting(state.broken)
        }
        for account in fresh.sorted() {
            log.error(
                "a stream has a hole and is not sealed any more: run farebox ledger verify",
                ["account": .text(account)]
            )
        }
        return sweep.isBehind
    }
}
