import EventLoop
import HTTPServer
import Ingress
import Journal
import Ledger
import Schema

/// The admin listener: metrics and health, for machines that watch.
struct AdminFace: Sendable {
    let metrics: GatewayMetrics
    let readiness: InstanceReadiness
    let journal: Journal
    let escrow: Escrow
    let settlement: Settlement
    let keyedCalls: KeyedCalls
    let sealing: SealRunner
    let loops: [EventLoop]
    let projections: ProjectionsRunner
    let board: UpstreamBoard

    func handle(_ request: HTTPRequest, _ exchange: HTTPExchange) async {
        let (status, type, text) =
            switch (request.method, request.path) {
            case ("GET", "/metrics"):
                (
                    200, "text/plain; version=0.0.4",
                    metrics.text(gauges: gauges) + board.metrics + projections.metrics
                )
            case ("GET", "/healthz"): (200, "text/plain", "ok\n")
            case ("GET", UpstreamCommands.adminPath):
                (
                    200, "application/json",
                    UpstreamShape.node(board.statuses()).line + "\n"
                )
            default:
                (404, "text/plain", "GET /metrics, /healthz, \(UpstreamCommands.adminPath)\n")
            }
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
            ("loop_turn_microseconds_max", lag.components.attoseconds / 1_000_000_000_000),
        ] + sealing.gauges
    }
}
