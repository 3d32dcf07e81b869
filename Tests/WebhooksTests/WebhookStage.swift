import Curl
import EventLoop
import Foundation
import HTTPServer
import Ledger
import Postgres
import Schema
import Synchronization
import TestSupport
import Testing

@testable import Webhooks

/// A database, a receiver and a worker under a clock that the test moves.
struct WebhookStage: Sendable {
    let database: Database
    let receiver = Receiver()
    let clock: ManualClock
    let worker: DeliveryWorker
    private let loop: EventLoop
    private let curl: LoopBound<CurlClient>

    final class ManualClock: Sendable {
        private let instant: Mutex<Instant>

        init(_ start: Instant) { instant = Mutex(start) }

        var now: Instant { instant.withLock(\.self) }

        func advance(seconds: Int64) { instant.withLock { $0 = $0.adding(seconds: seconds) } }
    }

    static func run(_ body: (WebhookStage) async throws -> Void) async throws {
        let tests = URL(filePath: #filePath).deletingLastPathComponent()
            .deletingLastPathComponent()
        let migrations = tests.deletingLastPathComponent().appending(path: "migrations")
        try await withDatabase { ownerURL, serviceURL in
            try await withPool(DatabaseConfiguration(url: ownerURL)) { database in
                _ = try await Migrator(directory: migrations.path()).migrate(database)
            }
            try await withPool(DatabaseConfiguration(url: serviceURL)) { database in
                let loop = EventLoop(name: "webhooks-test")
                try loop.start()
                let result: Result<Void, any Error>
                do {
                    let curl = try await loop.run { () throws(CurlError) in
                        LoopBound(try CurlClient(loop: loop), loop: loop)
                    }
                    let stage = WebhookStage(database, loop, curl)
                    do {
                        result = .success(try await body(stage))
                    } catch {
                        result = .failure(error)
                    }
                    await loop.run { curl.value.close() }
                } catch {
                    result = .failure(error)
                }
                await loop.stop()
                try result.get()
            }
        }
    }

    private init(_ database: Database, _ loop: EventLoop, _ curl: LoopBound<CurlClient>) {
        // Ahead of the database's own clock, which alerts of balances are dated by.
        let present = Int64(Date().timeIntervalSince1970) * 1_000_000
        let clock = ManualClock(Instant(microseconds: present).adding(seconds: 3_600))
        self.database = database
        self.loop = loop
        self.curl = curl
        self.clock = clock
        worker = DeliveryWorker(database, loop: loop, curl: curl, now: { clock.now })
    }

    /// Has the receiver listen while the body runs; outside of it, connections are refused.
    func listening(
        on address: String = "127.0.0.1:0",
        _ body: (SocketAddress) async throws -> Void
    ) async throws {
        let receiver = receiver
        let server = HTTPServer(
            loop: loop,
            address: try #require(SocketAddress(address)),
            reusePort: false,
            limits: HTTPLimits(),
            handler: { request, exchange in await receiver.handle(request, exchange) }
        )
        try await server.start()
        let result: Result<Void, any Error>
        do {
            result = .success(try await body(server.boundAddress))
        } catch {
            result = .failure(error)
        }
        await server.stop(by: .now + .seconds(10))
        try result.get()
    }

    func endpoint(
        _ url: String,
        isPrivate: Bool = true
    ) async throws -> (endpoint: WebhookEndpoint, secret: WebhookSecret) {
        var creation = WebhookEndpoints.Creation(url: url)
        creation.isPrivate = isPrivate
        return try await WebhookEndpoints(database).create(creation, at: clock.now)
    }

    /// An account whose only credit is spent: one alert.
    func exhaust(_ slug: String) async throws {
        _ = try await Accounts(database).create(Accounts.Creation(slug: slug), at: clock.now)
        let credits = Credits(database)
        _ = try await credits.grant(Credits.Grant(account: slug, amount: Pico(9)), at: clock.now)
        _ = try await credits.adjust(
            Credits.Adjustment(account: slug, amount: Pico(-9), reason: "spent"),
            at: clock.now
        )
    }

    /// Ends what runs, as a process does that has no more time.
    func closeClient() async {
        await loop.run { curl.value.close() }
    }

    /// Sends what is due until nothing is.
    func drain() async throws {
        while try await worker.sweep() > 0 {}
    }
}
