/// A part of the process with a beginning and an end.
package protocol Service: Sendable {
    /// What logs call it.
    var name: String { get }
    /// Returns when it serves. When it throws, nothing of it runs.
    func start() async throws
    /// Takes nothing new, finishes what runs, and returns, at the deadline even if not all is done.
    func stop(by deadline: ContinuousClock.Instant) async
}

/// Services that start in order, each on what those before it provide, and stop in reverse.
package struct ServiceGroup: Sendable {
    /// A service that failed to start; those before it have been stopped.
    package struct StartFailure: Error, CustomStringConvertible {
        package let service: String
        package let cause: any Error

        package var description: String { "\(service) did not start: \(cause)" }
    }

    /// What a service gets beyond the deadline before the group goes on without it.
    package let grace: Duration
    private let services: [any Service]

    package init(_ services: [any Service], grace: Duration = .seconds(1)) {
        self.services = services
        self.grace = grace
    }

    /// Starts all in order; when one fails, stops those before it by the deadline.
    package func start(orStopWithin limit: Duration) async throws(StartFailure) {
        for (index, service) in services.enumerated() {
            do {
                try await service.start()
            } catch {
                await stop(Array(services[..<index]), by: .now + limit)
                throw StartFailure(service: service.name, cause: error)
            }
        }
    }

    /// Stops all in reverse order and returns the names of those that overran the deadline.
    @discardableResult
    package func stop(by deadline: ContinuousClock.Instant) async -> [String] {
        await stop(services, by: deadline)
    }

    @discardableResult
    private func stop(
        _ services: [any Service],
        by deadline: ContinuousClock.Instant
    ) async -> [String] {
        var overrun: [String] = []
        for service in services.reversed() {
            // One that hangs must not keep those below it from stopping properly.
            let limit = max(deadline, .now) + grace
            if await !ends(by: limit, { await service.stop(by: deadline) }) {
                overrun.append(service.name)
            }
        }
        return overrun
    }
}

/// Whether the work ends in time; when it does not, it is cancelled and left behind.
private func ends(
    by deadline: ContinuousClock.Instant,
    _ work: @escaping @Sendable () async -> Void
) async -> Bool {
    let (outcomes, continuation) = AsyncStream.makeStream(of: Bool.self)
    let worker = Task {
        await work()
        continuation.yield(true)
    }
    let alarm = Task {
        try? await Task.sleep(until: deadline, clock: .continuous)
        continuation.yield(false)
    }
    var isInTime = false
    for await outcome in outcomes {
        isInTime = outcome
        break
    }
    alarm.cancel()
    if !isInTime { worker.cancel() }
    return isInTime
}
