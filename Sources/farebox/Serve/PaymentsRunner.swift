import Curl
import EventLoop
import HTTPServer
import Ingress
import Ledger
import Payments
import Postgres
import Schema
import Synchronization

/// Sells credit: a loop, connections and a client of its own, so that no provider slows a call.
///
/// Without settings it does nothing.
final class PaymentsRunner: Service {
    private static let connectionsMax = 3

    let name = "payments"
    /// Where credit is bought; nil when it is not for sale.
    let desk: TopUpDesk?
    private let parts: Parts?
    private let task = Mutex<Task<Void, Never>?>(nil)

    /// What there is only when credit is for sale.
    private struct Parts {
        let database: Database
        let loop: EventLoop
        let curl: LoopBound<CurlClient>
        let notices: NoticeDesk
        let reconciler: TopUpReconciler
    }

    /// - Parameter configuration: of the database, but for its connections.
    init(
        _ settings: PaymentSettings?,
        _ configuration: DatabaseConfiguration,
        log: Log,
        now: @escaping @Sendable () -> Instant
    ) async throws {
        guard let settings else {
            self.desk = nil
            parts = nil
            return
        }
        var configuration = configuration
        configuration.applicationName = "farebox payments"
        configuration.connectionsMax = Self.connectionsMax
        let database = Database(configuration)
        let loop = EventLoop(name: "farebox-payments")
        try loop.start()
        let curl = try await loop.run { () throws(CurlError) in
            LoopBound(try CurlClient(loop: loop), loop: loop)
        }
        let desk = TopUpDesk(
            database,
            provider: StripeProvider(settings, loop: loop, curl: curl),
            settings: settings,
            now: now
        )
        self.desk = desk
        parts = Parts(
            database: database,
            loop: loop,
            curl: curl,
            notices: NoticeDesk(desk, now: now, report: { Self.report($0, log) }),
            reconciler: TopUpReconciler(
                desk,
                topUps: TopUps(database),
                now: now,
                report: { Self.report($0, log) }
            )
        )
    }

    func start() async throws {
        guard let reconciler = parts?.reconciler else { return }
        task.withLock { $0 = Task { await reconciler.run() } }
    }

    func stop(by deadline: ContinuousClock.Instant) async {
        guard let parts else { return }
        let task = task.withLock { $0 }
        task?.cancel()
        await parts.loop.run { parts.curl.value.close() }
        await task?.value
        await parts.loop.stop()
        await parts.database.close()
    }

    // MARK: The provider's notices, on the public listener

    /// Whether the request is a notice of the provider.
    func takes(_ request: HTTPRequest) -> Bool { parts?.notices.path == request.path }

    /// Answers a notice; nothing in the answer tells what was thought of it beside its status.
    func handle(_ request: HTTPRequest, _ exchange: HTTPExchange) async {
        guard let notices = parts?.notices else { return }
        guard request.method == "POST" else {
            return answer(exchange, 405, fields: [(name: "allow", value: "POST")])
        }
        let body: [UInt8]
        do throws(HTTPBodyError) {
            body = try await exchange.readBody(bytesMax: NoticeDesk.bytesMax)
        } catch {
            return answer(exchange, error.status)
        }
        let end = await notices.take(body, signature: request.fields[notices.signatureField])
        answer(exchange, end.status)
    }

    private func answer(
        _ exchange: HTTPExchange,
        _ status: Int,
        fields: [(name: String, value: String)] = []
    ) {
        let text = status == 200 ? "received\n" : "not taken\n"
        try? exchange.respond(
            status: status,
            fields: HTTPFields([(name: "content-type", value: "text/plain")] + fields),
            body: Array(text.utf8)
        )
    }

    // MARK: What is told

    /// Notices of this process, in Prometheus's text format.
    var metrics: String {
        guard let notices = parts?.notices else { return "" }
        let lines = NoticeDesk.End.allCases.map { end in
            "farebox_payment_notices_total{end=\"\(end.rawValue)\"} \(notices.count(of: end))"
        }
        return "# TYPE farebox_payment_notices_total counter\n"
            + lines.joined(separator: "\n") + "\n"
    }

    private static func report(_ report: NoticeDesk.Report, _ log: Log) {
        switch report {
        case .changed(let topUp): changed(topUp, log)
        case .refundFailed(let topUp): refundFailed(topUp, log)
        case .refused(let reason):
            log.error("a payment does not fit its top-up", ["reason": .text(reason)])
        case .failed(let error):
            log.warning("a payment's notice was not taken", ["error": .text(error)])
        }
    }

    private static func report(_ notice: TopUpReconciler.Notice, _ log: Log) {
        switch notice {
        case .changed(let topUp): changed(topUp, log)
        case .refundFailed(let topUp): refundFailed(topUp, log)
        case .refused(let id, let reason):
            log.error(
                "a payment does not fit its top-up",
                ["top_up": .text("\(id)"), "reason": .text(reason)]
            )
        case .failed(let id, let error):
            log.warning(
                "the payment provider could not be asked",
                ["top_up": .text("\(id)"), "error": .text(error)]
            )
        case .unavailable(let error):
            log.debug("top-ups wait for the database", ["error": .text(error)])
        }
    }

    private static func refundFailed(_ topUp: TopUp, _ log: Log) {
        log.error(
            "a refund failed at the payment provider, and its credit is there again",
            [
                "top_up": .text("\(topUp.id)"), "account": .text(topUp.slug),
                "payment": .text(topUp.payment ?? ""),
            ]
        )
    }

    private static func changed(_ topUp: TopUp, _ log: Log) {
        log.info(
            "a top-up changed",
            [
                "top_up": .text("\(topUp.id)"), "account": .text(topUp.slug),
                "status": .text(topUp.status.rawValue),
            ]
        )
    }
}
