import Console
import EventLoop
import HTTPServer
import Ingress
import Journal
import Ledger
import Schema
import Shapes

/// The admin listener: metrics and health for machines that watch, and the console.
struct AdminFace: Sendable {
    let console: Console
    let metrics: GatewayMetrics
    let readiness: InstanceReadiness
    let journal: Journal
    let escrow: Escrow
    let settlement: Settlement
    let keyedCalls: KeyedCalls
    let sealing: SealRunner
    let loops: [EventLoop]
    let projections: ProjectionsRunner
    let billing: BillingRunner
    let board: UpstreamBoard
    let webhooks: WebhooksRunner
    let payments: PaymentsRunner

    func handle(_ request: HTTPRequest, _ exchange: HTTPExchange) async {
        switch (request.method, request.path) {
        case ("GET", "/healthz"): answer(exchange, 200, "text/plain", "ok\n")
        case ("GET", UpstreamCommands.adminPath) where console.isOpen(to: request):
            let upstreams = board.statuses().map { JSONNode.upstream(UpstreamView($0)) }
            answer(exchange, 200, "application/json", JSONNode.array(upstreams).line + "\n")
        case ("GET", "/metrics"):
            guard await console.admits(request) else {
                let hint = "give a token: Authorization: Bearer …\n"
                return answer(exchange, 401, "text/plain", hint)
            }
            let text =
                metrics.text(gauges: gauges) + board.metrics + projections.metrics
                + billing.metrics + webhooks.metrics + payments.metrics
            answer(exchange, 200, "text/plain; version=0.0.4", text)
        default: await console.handle(request, exchange)
        }
    }

    private func answer(
        _ exchange: HTTPExchange,
        _ status: Int,
        _ type: String,
        _ text: String
    ) {
        try? exchange.respond(
            status: status,
            fields: HTTPFields([(name: "content-type", value: type)]),
            body: Array(text.utf8)
        )
    }

    private var gauges: [(name: String, value: Int64)] {
        let depth = journal.depth
        let totals = escrow.totals
        let lag = loops.map { $0.takeLongestTurn() }.max() ?? .zero
        return [
            ("ready", readiness.reasons.isEmpty ? 1 : 0),
            ("running_calls", Int64(totals.holdCount)),
            ("held_pico", Int64(clamping: totals.held.units)),
            ("journal_open", Int64(depth.openCount)),
            ("journal_unshipped", Int64(depth.unshippedCount)),
            ("journal_bytes", Int64(depth.fileBytes)),
            ("settlements_late", Int64(settlement.lateCount)),
            ("keyed_calls_late", Int64(keyedCalls.lateCount)),
            ("loop_turn_microseconds_max", lag.microseconds),
        ] + sealing.gauges
    }
}

extension Duration {
    /// Whole microseconds, rounded down.
    var microseconds: Int64 {
        let (seconds, attoseconds) = components
        return seconds * 1_000_000 + attoseconds / 1_000_000_000_000
    }
}
