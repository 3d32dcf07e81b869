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

@testable import Payments

/// A database with one account, and a server on a socket that answers as Stripe's documentation
/// shows its API to.
struct PaymentStage: Sendable {
    static let slug = "acme"
    static let secret = Secret("whsec_test_secret")

    let database: Database
    let stripe: RecordedStripe
    let desk: TopUpDesk
    let now: Instant

    static func run(_ body: (PaymentStage) async throws -> Void) async throws {
        let tests = URL(filePath: #filePath).deletingLastPathComponent()
            .deletingLastPathComponent()
        let migrations = tests.deletingLastPathComponent().appending(path: "migrations")
        try await withDatabase { ownerURL, serviceURL in
            try await withPool(DatabaseConfiguration(url: ownerURL)) { database in
                _ = try await Migrator(directory: migrations.path()).migrate(database)
            }
            try await withPool(DatabaseConfiguration(url: serviceURL)) { database in
                try await run(database, body)
            }
        }
    }

    private static func run(
        _ database: Database,
        _ body: (PaymentStage) async throws -> Void
    ) async throws {
        let loop = EventLoop(name: "payments-test")
        try loop.start()
        let curl = try await loop.run { () throws(CurlError) in
            LoopBound(try CurlClient(loop: loop), loop: loop)
        }
        let stripe = RecordedStripe()
        let server = HTTPServer(
            loop: loop,
            address: try #require(SocketAddress("127.0.0.1:0")),
            reusePort: false,
            limits: HTTPLimits(),
            handler: { request, exchange in await stripe.handle(request, exchange) }
        )
        try await server.start()
        let result: Result<Void, any Error>
        do {
            let url = "http://\(server.boundAddress)"
            result = .success(try await body(stage(database, loop, curl, stripe, url)))
        } catch {
            result = .failure(error)
        }
        await server.stop(by: .now + .seconds(10))
        await loop.run { curl.value.close() }
        await loop.stop()
        try result.get()
    }

    private static func stage(
        _ database: Database,
        _ loop: EventLoop,
        _ curl: LoopBound<CurlClient>,
        _ stripe: RecordedStripe,
        _ url: String
    ) async throws -> PaymentStage {
        let now = Instant(microseconds: 1_740_000_000_000_000)
        _ = try await Accounts(database).create(Accounts.Creation(slug: slug), at: now)
        let bounds = PaymentSettings.Bounds(
            least: try #require(Pico("5")),
            most: try #require(Pico("1000"))
        )
        let settings = PaymentSettings(
            provider: .stripe,
            baseURL: url,
            secretKey: Secret("sk_test_hush"),
            webhookSecrets: [secret],
            amounts: [.usd: bounds],
            paidURL: "https://x/returned/{account}/{top_up}",
            leftURL: "https://x/left"
        )
        let desk = TopUpDesk(
            database,
            provider: StripeProvider(settings, loop: loop, curl: curl),
            settings: settings,
            now: { now }
        )
        return PaymentStage(database: database, stripe: stripe, desk: desk, now: now)
    }

    /// A top-up whose page the server made.
    func open(_ amount: String = "25", key: String? = nil) async throws -> TopUp {
        stripe.answer(
            200,
            StripeShapes.session(
                status: "open",
                payment: "unpaid",
                id: "cs_test_1",
                url: #""https://checkout.stripe.com/c/pay/cs_test_1#fid""#
            )
        )
        return try await desk.start(
            try #require(Pico(amount)),
            for: Self.slug,
            idempotencyKey: key
        )
    }

    /// Why no page was made.
    func failure(key: String) async -> PaymentError? {
        await #expect(throws: PaymentError.self) {
            _ = try await desk.start(
                try #require(Pico("25")),
                for: Self.slug,
                idempotencyKey: key
            )
        }
    }

    func balance() async throws -> Pico {
        try await Accounts(database).show(Self.slug).balance
    }
}

/// Answers what the test has recorded for the next requests, and keeps them.
final class RecordedStripe: Sendable {
    struct Request: Sendable {
        let target: String
        let authorization: String?
        let idempotencyKey: String?
        let body: String
    }

    private struct State {
        var answers: [(status: Int, body: String)] = []
        var requests: [Request] = []
    }

    private let state = Mutex(State())

    var requests: [Request] { state.withLock(\.requests) }

    func answer(_ status: Int, _ body: String) {
        state.withLock { $0.answers.append((status, body)) }
    }

    func handle(_ request: HTTPRequest, _ exchange: HTTPExchange) async {
        let body = (try? await exchange.readBody(bytesMax: 65_536)) ?? []
        let (status, text) = state.withLock { state -> (Int, String) in
            state.requests.append(
                Request(
                    target: request.path + (request.query.map { "?\($0)" } ?? ""),
                    authorization: request.fields["authorization"],
                    idempotencyKey: request.fields["idempotency-key"],
                    body: String(decoding: body, as: UTF8.self)
                )
            )
            guard !state.answers.isEmpty else { return (500, "{}") }
            let answer = state.answers.removeFirst()
            return (answer.status, answer.body)
        }
        try? exchange.respond(
            status: status,
            fields: HTTPFields([(name: "content-type", value: "application/json")]),
            body: Array(text.utf8)
        )
    }
}
