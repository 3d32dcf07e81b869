import Schema
import Synchronization

/// The upstreams of one configuration, by their names; calls use it without a lock.
struct UpstreamTable: Sendable {
    fileprivate let states: [String: UpstreamState]

    subscript(name: String) -> UpstreamState? { states[name] }
}

/// The upstreams of an instance as they are now, through all its configurations.
package final class UpstreamBoard: Sendable {
    private let table = Mutex(UpstreamTable(states: [:]))

    package init() {}

    /// Puts the upstreams of a configuration in force.
    ///
    /// One that is configured as before stays what it is. Another of its name takes over what was
    /// learnt and still holds, and all that was counted; what calls learn that run on is lost.
    func adopt(
        _ upstreams: [String: Upstream],
        at now: ContinuousClock.Instant = .now
    ) -> UpstreamTable {
        table.withLock { table in
            let before = table
            table = UpstreamTable(
                states: upstreams.mapValues { upstream in
                    let state = before[upstream.name]
                    if let state, state.upstream == upstream { return state }
                    return UpstreamState(upstream, after: state, at: now)
                }
            )
            return table
        }
    }

    /// All upstreams in the order of their names.
    package func statuses(at now: ContinuousClock.Instant = .now) -> [UpstreamStatus] {
        let states = table.withLock { $0.states }
        return states.values.map { $0.status(at: now) }.sorted { $0.name < $1.name }
    }

    /// The upstreams in Prometheus's text format.
    package var metrics: String {
        let statuses = statuses()
        var text = PrometheusText()
        text.begin("upstream_attempts_total", "counter", help: "Attempts that ended, by upstream.")
        for status in statuses {
            let counts =
                [("answered", status.answered)]
                + AttemptEnd.allCases.map { ($0.rawValue, status.failures[$0] ?? 0) }
            for (end, count) in counts {
                text.sample(
                    "upstream_attempts_total",
                    ["upstream": status.name, "end": end],
                    "\(count)"
                )
            }
        }
        text.begin("upstream_running", "gauge", help: "Attempts that run, by upstream.")
        for status in statuses {
            text.sample("upstream_running", ["upstream": status.name], "\(status.inFlight)")
        }
        text.begin("upstream_circuit", "gauge", help: "1 for the state that the circuit is in.")
        for status in statuses {
            for state in UpstreamStatus.Circuit.allCases {
                text.sample(
                    "upstream_circuit",
                    ["upstream": status.name, "state": state.rawValue],
                    status.circuit == state ? "1" : "0"
                )
            }
        }
        text.begin("upstream_keys_sidelined", "gauge", help: "Keys that the upstream refused.")
        for status in statuses {
            let count = status.keys.count { $0.state == KeyPool.State.sidelined.rawValue }
            text.sample("upstream_keys_sidelined", ["upstream": status.name], "\(count)")
        }
        return text.text
    }
}
