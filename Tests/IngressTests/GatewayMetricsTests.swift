import Formats
import Schema
import Testing

@testable import Ingress

@Suite struct GatewayMetricsTests {
    private func usage(_ outcome: UsageOutcome, latency: Int64, firstByte: Int64?) -> Usage {
        let instant = Instant(microseconds: 0)
        var usage = Usage(
            request: .make(at: instant),
            lease: nil,
            key: .make(at: instant),
            project: .make(at: instant),
            admittedAt: instant,
            model: "m",
            upstream: "up",
            upstreamModel: "m",
            endpoint: .chatCompletions,
            isStreamed: true,
            priceVersion: PriceVersion(1),
            hold: Pico(100)
        )
        usage.outcome = outcome
        usage.latencyMilliseconds = latency
        usage.firstByteMilliseconds = firstByte
        usage.tokens.output = 7
        usage.charge = Pico(70)
        return usage
    }

    @Test func `what is looked at first are open streams and bounds of the first byte`() {
        let metrics = GatewayMetrics()
        #expect(metrics.glance.firstByteOfHalf == nil)
        for _ in 0..<20 { metrics.admitted(isStreamed: true) }
        for index in 0..<19 {
            metrics.settled(usage(.completed, latency: 9_000, firstByte: index < 18 ? 9 : 900))
        }
        metrics.settled(usage(.timedOut, latency: 9_000, firstByte: nil))
        #expect(metrics.glance.openStreams == 0)
        #expect(metrics.glance.firstByteOfHalf == 10)
        #expect(metrics.glance.firstByteOfMost == 1_000)
        metrics.settled(usage(.completed, latency: 700_001, firstByte: 700_000))
        metrics.settled(usage(.completed, latency: 700_001, firstByte: 700_000))
        // Beyond all bounds there is none to tell.
        #expect(metrics.glance.firstByteOfMost == nil)
    }

    @Test func `a call is counted by its upstream, its outcome and how long it took`() {
        let metrics = GatewayMetrics()
        metrics.admitted(isStreamed: true)
        metrics.admitted(isStreamed: true)
        metrics.settled(
            usage(.completed, latency: 1_200, firstByte: 50),
            anomalies: ["zero_beside_content", "beyond_hold"]
        )
        let lines = metrics.text(gauges: [("ready", 1)]).split(separator: "\n")
        for line in [
            #"farebox_calls_total{upstream="up",outcome="completed"} 1"#,
            #"farebox_calls_total{upstream="up",outcome="timed_out"} 0"#,
            #"farebox_call_seconds_bucket{endpoint="chat_completions",le="1"} 0"#,
            #"farebox_call_seconds_bucket{endpoint="chat_completions",le="2.5"} 1"#,
            #"farebox_call_seconds_sum{endpoint="chat_completions"} 1.2"#,
            #"farebox_first_byte_seconds_bucket{upstream="up",le="0.05"} 1"#,
            #"farebox_first_byte_seconds_count{upstream="up"} 1"#,
            #"farebox_tokens_total{class="output"} 7"#,
            #"farebox_usage_anomalies_total{upstream="up",kind="zero_beside_content"} 1"#,
            #"farebox_usage_anomalies_total{upstream="up",kind="beyond_hold"} 1"#,
            #"farebox_usage_anomalies_total{upstream="up",kind="missing_count"} 0"#,
            "farebox_charge_pico_total 70",
            "farebox_streams_open 1",
            "farebox_ready 1",
        ] {
            #expect(lines.contains(Substring(line)), "\(line)")
        }
    }

    @Test func `buckets of a histogram are cumulative and end with everything`() {
        var histogram = LatencyHistogram()
        for milliseconds in [0, 1, 2, 700_000] as [Int64] {
            histogram.observe(milliseconds: milliseconds)
        }
        #expect(histogram.counts.first == 2 && histogram.counts.last == 1 && histogram.count == 4)
        var text = PrometheusText()
        text.histogram("h", label: "l", "v", histogram)
        #expect(text.text.contains("farebox_h_bucket{l=\"v\",le=\"600\"} 3\n"))
        #expect(text.text.contains("farebox_h_bucket{l=\"v\",le=\"+Inf\"} 4\n"))
        #expect(text.text.contains("farebox_h_sum{l=\"v\"} 700.003\n"))
    }

    @Test func `refusals are told apart by reason`() {
        let metrics = GatewayMetrics()
        metrics.refused(APIError(.invalidKey, ""))
        metrics.refused(APIError(.rateLimited(limitedBy: "tokens", retryAfterSeconds: 1), ""))
        metrics.refused(APIError(.rateLimited(limitedBy: "tokens", retryAfterSeconds: 2), ""))
        let text = metrics.text(gauges: [])
        #expect(text.contains("farebox_refusals_total{status=\"401\",reason=\"invalid_key\"} 1\n"))
        #expect(text.contains("farebox_refusals_total{status=\"429\",reason=\"tokens\"} 2\n"))
    }
}
