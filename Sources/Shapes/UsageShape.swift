import Ledger
import Schema

extension AccountUsage {
    /// Usage by groups, and its total.
    package func node(_ currency: Currency) -> JSONNode {
        let rows = rows.map { row in
            let groups = zip(dimensions, row.group).map { dimension, value in
                (dimension.rawValue, JSONNode.text(value))
            }
            return JSONNode.object(groups + row.sums.fields(currency))
        }
        return .object([
            ("from", .instant(from)), ("to", .instant(to)),
            ("rows", .array(rows)), ("total", .object(total.fields(currency))),
        ])
    }
}

extension UsageSums {
    fileprivate func fields(_ currency: Currency) -> [(String, JSONNode)] {
        [
            ("calls", .integer(calls)), ("failures", .integer(failures)),
            ("input_tokens", .integer(inputTokens)),
            ("cache_read_tokens", .integer(cacheReadTokens)),
            ("cache_write_tokens", .integer(cacheWriteTokens)),
            ("output_tokens", .integer(outputTokens)),
            ("cache_hit_percent", cacheHitPercent.map(JSONNode.integer) ?? .null),
            ("cost", .money(cost, currency)),
            ("latency_ms", latencies.node),
        ]
    }
}

extension LatencySketch {
    /// Percentiles, each at most a sixteenth off.
    fileprivate var node: JSONNode {
        .object(
            [("p50", 50), ("p95", 95), ("p99", 99)].map { name, percent in
                (name, percentile(percent).map(JSONNode.integer) ?? .null)
            }
        )
    }
}
