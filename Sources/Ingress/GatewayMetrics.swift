import Formats
import Schema
import Synchronization

/// Counters of one instance, in Prometheus's text format.
package final class GatewayMetrics: Sendable {
    private struct Counts {
        var refusals: [Int: Int64] = [:]
        var outcomes: [UsageOutcome: Int64] = [:]
        var tokens = TokenUsage()
        var charge = Pico.zero
        var excess = Pico.zero
        var anomalies: [String: Int64] = [:]
        var shipped: Int64 = 0
        var parked: Int64 = 0
    }

    private let counts = Mutex(Counts())

    package init() {}

    func refused(_ error: APIError) {
        counts.withLock { $0.refusals[error.status, default: 0] += 1 }
    }

    func settled(_ usage: Usage) {
        counts.withLock { counts in
            counts.outcomes[usage.outcome, default: 0] += 1
            for tokenClass in TokenClass.allCases {
                counts.tokens[tokenClass] += usage.tokens[tokenClass]
            }
            counts.charge += usage.charge
            counts.excess += usage.excess
        }
    }

    func found(anomaly: String) {
        counts.withLock { $0.anomalies[anomaly, default: 0] += 1 }
    }

    func shipped(_ count: Int, parked: Int) {
        counts.withLock { counts in
            counts.shipped += Int64(count)
            counts.parked += Int64(parked)
        }
    }

    /// The counters, and gauges that the caller reads elsewhere.
    package func text(gauges: [(name: String, value: Int64)]) -> String {
        let counts = counts.withLock(\.self)
        var text = ""
        func metric(_ name: String, _ type: String, _ rows: [(labels: String, value: String)]) {
            text += "# TYPE farebox_\(name) \(type)\n"
            for row in rows { text += "farebox_\(name)\(row.labels) \(row.value)\n" }
        }
        metric(
            "calls_total",
            "counter",
            UsageOutcome.allCases.map { outcome in
                ("{outcome=\"\(outcome.rawValue)\"}", "\(counts.outcomes[outcome] ?? 0)")
            }
        )
        metric(
            "refusals_total",
            "counter",
            counts.refusals.sorted { $0.key < $1.key }.map {
                ("{status=\"\($0.key)\"}", "\($0.value)")
            }
        )
        metric(
            "tokens_total",
            "counter",
            TokenClass.allCases.map { tokenClass in
                ("{class=\"\(tokenClass.rawValue)\"}", "\(counts.tokens[tokenClass])")
            }
        )
        metric("charge_pico_total", "counter", [("", "\(counts.charge.units)")])
        metric("excess_pico_total", "counter", [("", "\(counts.excess.units)")])
        metric(
            "anomalies_total",
            "counter",
            counts.anomalies.sorted { $0.key < $1.key }.map {
                ("{kind=\"\($0.key)\"}", "\($0.value)")
            }
        )
        metric("events_shipped_total", "counter", [("", "\(counts.shipped)")])
        metric("events_parked_total", "counter", [("", "\(counts.parked)")])
        for gauge in gauges { metric(gauge.name, "gauge", [("", "\(gauge.value)")]) }
        return text
    }
}
