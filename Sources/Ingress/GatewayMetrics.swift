import Billing
import Formats
import Schema
import Synchronization

/// What the calls of one instance have come to, in Prometheus's text format.
package final class GatewayMetrics: Sendable {
    /// What is known of one upstream.
    fileprivate struct UpstreamCounts {
        var outcomes: [UsageOutcome: Int64] = [:]
        var firstByte = LatencyHistogram()
        /// What was wrong with what it said that calls used, by name.
        var anomalies: [String: Int64] = [:]
    }

    fileprivate struct Counts {
        var refusals: [Refusal: Int64] = [:]
        var upstreams: [String: UpstreamCounts] = [:]
        var durations: [Endpoint: LatencyHistogram] = [:]
        var sources: [UsageSource: Int64] = [:]
        var tokens = TokenUsage()
        var charge = Pico.zero
        var excess = Pico.zero
        var shipped: Int64 = 0
        var parked: Int64 = 0
        var late: Int64 = 0
        var lateCharge = Pico.zero
        /// The journal's entries that cannot be read.
        var unreadable: Set<Int64> = []
        var streams: Int64 = 0
        var replays: Int64 = 0
        var freeAnswers: [String: Int64] = [:]
    }

    fileprivate struct Refusal: Hashable {
        let status: Int
        let reason: String
    }

    private let counts = Mutex(Counts())

    package init() {}

    func refused(_ error: APIError) {
        let refusal = Refusal(status: error.status, reason: error.reason)
        counts.withLock { $0.refusals[refusal, default: 0] += 1 }
    }

    /// A call was admitted; it ends in `settled`.
    func admitted(isStreamed: Bool) {
        guard isStreamed else { return }
        counts.withLock { $0.streams += 1 }
    }

    /// A route that costs nothing has answered.
    func answered(_ route: Route) {
        guard let name = route.freeName else { return }
        counts.withLock { $0.freeAnswers[name, default: 0] += 1 }
    }

    /// A call was answered with what an earlier one of the same `Idempotency-Key` was.
    func replayed() { counts.withLock { $0.replays += 1 } }

    /// - Parameter anomalies: what was wrong with what its upstream said that it used.
    func settled(_ usage: Usage, anomalies: Set<String> = []) {
        counts.withLock { counts in
            if usage.isStreamed { counts.streams -= 1 }
            counts.upstreams[usage.upstream, default: UpstreamCounts()].note(usage, anomalies)
            counts.durations[usage.endpoint, default: LatencyHistogram()]
                .observe(milliseconds: usage.latencyMilliseconds)
            counts.sources[usage.source, default: 0] += 1
            for tokenClass in TokenClass.allCases {
                counts.tokens[tokenClass] += usage.tokens[tokenClass]
            }
            counts.charge += usage.charge
            counts.excess += usage.excess
        }
    }

    /// - Parameter late: what the calls would have cost that came too late to be charged.
    func shipped(_ count: Int, parked: Int, late: [Pico]) {
        counts.withLock { counts in
            counts.shipped += Int64(count)
            counts.parked += Int64(parked)
            counts.late += Int64(late.count)
            counts.lateCharge += late.reduce(.zero, +)
        }
    }

    /// Counts an entry of the journal that cannot be read; false where it was counted before.
    func isNewUnreadable(_ sequence: Int64) -> Bool {
        counts.withLock { $0.unreadable.insert(sequence).inserted }
    }

    /// What of all this is looked at first.
    package struct Glance: Hashable, Sendable {
        package let openStreams: Int64
        /// Bounds of the time to the first byte since the start, in milliseconds, of half and of
        /// 95 of a hundred answers.
        package let firstByteOfHalf: Int64?
        package let firstByteOfMost: Int64?
    }

    package var glance: Glance {
        let counts = counts.withLock(\.self)
        var firstByte = LatencyHistogram()
        for upstream in counts.upstreams.values { firstByte.add(upstream.firstByte) }
        return Glance(
            openStreams: counts.streams,
            firstByteOfHalf: firstByte.bound(percent: 50),
            firstByteOfMost: firstByte.bound(percent: 95)
        )
    }

    /// Everything that was counted, and gauges that the caller reads elsewhere.
    package func text(gauges: [(name: String, value: Int64)]) -> String {
        let counts = counts.withLock(\.self)
        var text = PrometheusText()
        counts.writeCalls(to: &text)
        counts.writeMoney(to: &text)
        text.single(
            "replays_total",
            "counter",
            help: "Repeats of a call that were answered from its record.",
            counts.replays
        )
        text.begin("free_answers_total", "counter", help: "Answers that cost nothing, by route.")
        for (route, count) in counts.freeAnswers.sorted(by: { $0.key < $1.key }) {
            text.sample("free_answers_total", ["route": route], "\(count)")
        }
        text.single("streams_open", "gauge", help: "Streamed calls that run.", counts.streams)
        for gauge in gauges {
            text.single(gauge.name, "gauge", help: "See docs/operations.md.", gauge.value)
        }
        return text.text
    }
}

extension GatewayMetrics.UpstreamCounts {
    fileprivate mutating func note(_ usage: Usage, _ anomalies: Set<String>) {
        outcomes[usage.outcome, default: 0] += 1
        for anomaly in anomalies { self.anomalies[anomaly, default: 0] += 1 }
        if let milliseconds = usage.firstByteMilliseconds {
            firstByte.observe(milliseconds: milliseconds)
        }
    }
}

extension GatewayMetrics.Counts {
    fileprivate func writeCalls(to text: inout PrometheusText) {
        let upstreams = upstreams.sorted { $0.key < $1.key }
        text.begin("calls_total", "counter", help: "Admitted calls that ended, by upstream.")
        for (upstream, counts) in upstreams {
            for outcome in UsageOutcome.allCases {
                let count = counts.outcomes[outcome] ?? 0
                text.sample(
                    "calls_total",
                    ["upstream": upstream, "outcome": outcome.rawValue],
                    "\(count)"
                )
            }
        }
        text.begin("refusals_total", "counter", help: "Calls that were not admitted, by reason.")
        let refusals = refusals.sorted {
            ($0.key.status, $0.key.reason) < ($1.key.status, $1.key.reason)
        }
        for (refusal, count) in refusals {
            text.sample(
                "refusals_total",
                ["status": "\(refusal.status)", "reason": refusal.reason],
                "\(count)"
            )
        }
        text.begin("call_seconds", "histogram", help: "From admission to settlement.")
        for (endpoint, histogram) in durations.sorted(by: { $0.key.rawValue < $1.key.rawValue }) {
            text.histogram("call_seconds", label: "endpoint", endpoint.rawValue, histogram)
        }
        text.begin("first_byte_seconds", "histogram", help: "From the request to the first byte.")
        for (upstream, counts) in upstreams {
            text.histogram("first_byte_seconds", label: "upstream", upstream, counts.firstByte)
        }
        writeAnomalies(upstreams, to: &text)
    }

    /// All kinds of each upstream that has had calls, so that an alert sees the first one come.
    private func writeAnomalies(
        _ upstreams: [(key: String, value: GatewayMetrics.UpstreamCounts)],
        to text: inout PrometheusText
    ) {
        let kinds = Set(UsageAnomaly.allCases.map(\.rawValue))
            .union(Charge.Anomaly.allCases.map(\.rawValue)).sorted()
        text.begin(
            "usage_anomalies_total",
            "counter",
            help: "Calls whose upstream reported what had to be made usable, by what it was."
        )
        for (upstream, counts) in upstreams {
            for kind in kinds {
                text.sample(
                    "usage_anomalies_total",
                    ["upstream": upstream, "kind": kind],
                    "\(counts.anomalies[kind] ?? 0)"
                )
            }
        }
    }

    fileprivate func writeMoney(to text: inout PrometheusText) {
        text.begin("tokens_total", "counter", help: "Tokens charged, by disjoint class.")
        for tokenClass in TokenClass.allCases {
            text.sample("tokens_total", ["class": tokenClass.rawValue], "\(tokens[tokenClass])")
        }
        text.begin("usage_source_total", "counter", help: "Where token counts came from.")
        for source in UsageSource.allCases {
            let count = sources[source] ?? 0
            text.sample("usage_source_total", ["source": source.rawValue], "\(count)")
        }
        text.single("charge_pico_total", "counter", help: "Charged, in pico-units.", charge.units)
        text.single(
            "excess_pico_total",
            "counter",
            help: "Beyond holds: the operator's loss, in pico-units.",
            excess.units
        )
        text.single("events_shipped_total", "counter", help: "Events in the ledger.", shipped)
        text.single("events_parked_total", "counter", help: "Events set aside.", parked)
        text.single(
            "events_unreadable",
            "gauge",
            help: "Events that stay in the journal because they cannot be read.",
            Int64(unreadable.count)
        )
        text.single(
            "events_late_total",
            "counter",
            help: "Calls that came too long after their month was closed, and are not charged.",
            late
        )
        text.single(
            "late_pico_total",
            "counter",
            help: "What those would have cost, in pico-units.",
            lateCharge.units
        )
    }
}

extension APIError {
    /// A stable word for what was refused.
    fileprivate var reason: String {
        switch kind {
        case .invalidRequest(let code, _): code
        case .invalidKey: "invalid_key"
        case .permissionDenied: "permission_denied"
        case .modelNotFound: "model_not_found"
        case .routeNotFound: "route_not_found"
        case .callNotFound: "call_not_found"
        case .conflict(let code): code
        case .unprocessable(let code): code
        case .methodNotAllowed: "method_not_allowed"
        case .tooLarge: "too_large"
        case .insufficientQuota: "insufficient_quota"
        case .creditHeld: "credit_held"
        case .rateLimited(let limitedBy, _): limitedBy
        case .upstreamFailed: "upstream_failed"
        case .upstreamTimedOut: "upstream_timed_out"
        case .unavailable: "unavailable"
        case .internal: "internal"
        }
    }
}
