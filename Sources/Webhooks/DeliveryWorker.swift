import Curl
import EventLoop
import Ledger
import Postgres
import Schema
import Synchronization

/// Sends what is due, beside any number of other processes.
package final class DeliveryWorker: Sendable {
    private static let inFlightMax = 64
    private static let pollInterval = Duration.milliseconds(500)
    private static let retryInterval = Duration.seconds(5)
    private static let timeouts = CurlTimeouts(
        connect: .seconds(10),
        firstByte: .seconds(15),
        idle: .seconds(15),
        total: .seconds(30)
    )

    /// What a composition root may want to log.
    package enum Notice: Sendable {
        /// An attempt failed, for a reason in which neither URL nor body is.
        case failed(WebhookEndpointID, AlertID, String)
        /// The database did not do it; it is tried again.
        case unavailable(String)
    }

    /// Attempts since the start of the process.
    package struct Counts: Hashable, Sendable {
        package var delivered: Int64 = 0
        package var failed: Int64 = 0

        package init() {}
    }

    private let queue: DeliveryQueue
    private let loop: EventLoop
    private let curl: LoopBound<CurlClient>
    private let now: @Sendable () -> Instant
    private let report: @Sendable (Notice) -> Void
    private let state = Mutex(State())

    private struct State {
        var counts = Counts()
        /// Attempts that run, by their endpoint.
        var running: [WebhookEndpointID: Int] = [:]
    }

    package init(
        _ database: Database,
        loop: EventLoop,
        curl: LoopBound<CurlClient>,
        now: @escaping @Sendable () -> Instant,
        report: @escaping @Sendable (Notice) -> Void = { _ in }
    ) {
        queue = DeliveryQueue(database)
        self.loop = loop
        self.curl = curl
        self.now = now
        self.report = report
    }

    package var counts: Counts { state.withLock(\.counts) }

    /// Sends until cancelled, and returns when the attempts that run have ended.
    ///
    /// A slow endpoint keeps only its own deliveries waiting.
    package func run() async {
        await withDiscardingTaskGroup { group in
            while !Task.isCancelled {
                do {
                    let claimed = try await claim()
                    for delivery in claimed {
                        group.addTask { await self.attempt(delivery) }
                    }
                    if claimed.isEmpty { try? await Task.sleep(for: Self.pollInterval) }
                } catch {
                    report(.unavailable("\(error)"))
                    try? await Task.sleep(for: Self.retryInterval)
                }
            }
        }
    }

    /// Sends what is due now, once, and returns how many attempts that were.
    package func sweep() async throws -> Int {
        let claimed = try await claim()
        await withDiscardingTaskGroup { group in
            for delivery in claimed { group.addTask { await self.attempt(delivery) } }
        }
        return claimed.count
    }

    private func claim() async throws -> [ClaimedDelivery] {
        let running = state.withLock(\.running)
        let room = Self.inFlightMax - running.values.reduce(0, +)
        guard room > 0 else { return [] }
        let claimed = try await queue.claim(at: now(), limit: room, without: Array(running.keys))
        state.withLock { state in
            for delivery in claimed { state.running[delivery.endpoint, default: 0] += 1 }
        }
        return claimed
    }

    private func attempt(_ delivery: ClaimedDelivery) async {
        let end = await end(of: delivery)
        // One that was cut off tells nothing of its receiver: it is taken for dead, and repeated.
        if let end { await record(end, of: delivery) }
        state.withLock { state in
            if let end {
                if end.failure == nil {
                    state.counts.delivered += 1
                } else {
                    state.counts.failed += 1
                }
            }
            let rest = (state.running[delivery.endpoint] ?? 1) - 1
            state.running[delivery.endpoint] = rest > 0 ? rest : nil
        }
    }

    /// Sends one, and waits for how that ends, also when the worker is stopped meanwhile; nil when
    /// the client was closed under it.
    func end(of delivery: ClaimedDelivery) async -> AttemptEnd? {
        let started = ContinuousClock.now
        let (request, curl) = (request(delivery), curl)
        // Not a child of the worker's task, whose cancellation would be the transfer's.
        var end = await Task(executorPreference: loop) {
            await Self.send(request, by: curl)
        }.value
        end?.milliseconds = Int64((ContinuousClock.now - started) / .milliseconds(1))
        return end
    }

    private func record(_ end: AttemptEnd, of delivery: ClaimedDelivery) async {
        if let failure = end.failure {
            report(.failed(delivery.endpoint, delivery.message, failure))
        }
        do {
            try await queue.record(end, of: delivery, at: now())
        } catch {
            // Sent and not recorded: it comes again, with the same id.
            report(.unavailable("\(error)"))
        }
    }

    private func request(_ delivery: ClaimedDelivery) -> CurlRequest {
        let id = WebhookMessage.name(of: delivery.message)
        let timestamp = now().microseconds / 1_000_000
        let signature = WebhookSignature(
            id: id,
            timestamp: timestamp,
            body: delivery.body,
            secrets: delivery.secrets
        )
        var request = CurlRequest(
            method: "POST",
            url: delivery.url,
            fields: [
                ("content-type", "application/json"), ("webhook-id", id),
                ("webhook-timestamp", String(timestamp)), ("webhook-signature", signature.text),
            ],
            body: Array(delivery.body.utf8),
            timeouts: Self.timeouts
        )
        let isPrivate = delivery.isPrivate
        request.admits = { WebhookAddresses.admit(IPAddress($0), isPrivate: isPrivate) }
        return request
    }

    private static func send(
        _ request: CurlRequest,
        by curl: LoopBound<CurlClient>
    ) async -> AttemptEnd? {
        do throws(CurlError) {
            let response = try await curl.value.send(request)
            // Nobody reads what a receiver says beside its status.
            response.cancel()
            let isSuccess = (200...299).contains(response.status)
            return AttemptEnd(
                status: Int32(response.status),
                failure: isSuccess ? nil : "the receiver answered \(response.status)",
                wait: response.field("retry-after").flatMap { Int64($0) }
            )
        } catch {
            return error.kind == .closed ? nil : AttemptEnd(failure: "\(error)")
        }
    }
}

extension IPAddress {
    init(_ address: CurlAddress) {
        let bytes = address.bytes
        func word(_ range: Range<Int>) -> UInt64 {
            bytes[range].reduce(0) { $0 << 8 | UInt64($1) }
        }
        if bytes.count == 4 {
            self.init(v4: UInt32(word(0..<4)))
        } else {
            self.init(high: word(0..<8), low: word(8..<16))
        }
    }
}
