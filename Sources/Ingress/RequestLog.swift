import Formats
import HTTPServer
import Ledger
import Schema

extension CallLoop {
    /// What a line has of a path that no route has.
    private static let pathCharactersMax = 200

    /// One line for a call that was admitted: who, what, how it ended, and what it cost.
    func log(_ admitted: AdmittedCall, _ reading: Meter.Reading) {
        let usage = reading.usage
        info("call") { line in
            line.add("request_id", admitted.arrival.requestID)
            line.add("account", admitted.caller.account.slug)
            line.add("endpoint", usage.endpoint.rawValue)
            line.add("model", usage.model)
            line.add("upstream", usage.upstream)
            line.add("status", Int64(usage.status))
            line.add("outcome", usage.outcome.rawValue)
            line.add("usage_source", usage.source.rawValue)
            line.add("input_tokens", usage.tokens.inputTotal)
            line.add("output_tokens", usage.tokens.outputTotal)
            line.add("charge", usage.charge.description)
            line.add("latency_ms", usage.latencyMilliseconds)
            if !reading.anomalies.isEmpty {
                line.add("anomalies", reading.anomalies.sorted().joined(separator: ","))
            }
            if let trace = admitted.arrival.trace { line.add("trace_id", trace.traceID) }
        }
    }

    /// One line for the repeat of a call, which costs nothing.
    func log(replayed arrival: Arrival, status: Int) {
        info("replayed") { line in
            line.add("request_id", arrival.requestID)
            line.add("endpoint", arrival.endpoint.rawValue)
            line.add("status", Int64(status))
        }
    }

    /// One line for a prompt whose tokens were counted.
    func log(_ arrival: Arrival, countedFor caller: Caller, status: Int, by counter: String) {
        info("counted") { line in
            line.add("request_id", arrival.requestID)
            line.add("account", caller.account.slug)
            line.add("status", Int64(status))
            line.add("counter", counter)
        }
    }

    /// One line for an answer that told an account something and cost nothing.
    func log(_ route: Route, toldTo caller: Caller, requestID: String) {
        guard let name = route.freeName else { return }
        info("told") { line in
            line.add("request_id", requestID)
            line.add("account", caller.account.slug)
            line.add("route", name)
        }
    }

    /// One line for a request that was refused and is no call.
    func log(refused request: HTTPRequest, requestID: String, _ error: APIError) {
        info("refused") { line in
            line.add("request_id", requestID)
            line.add("path", String(request.path.prefix(Self.pathCharactersMax)))
            line.add("status", Int64(error.status))
            line.add("reason", error.message)
        }
    }

    /// One line for a call that was refused.
    func log(_ arrival: Arrival, _ error: APIError) {
        info("refused") { line in
            line.add("request_id", arrival.requestID)
            line.add("endpoint", arrival.endpoint.rawValue)
            line.add("status", Int64(error.status))
            line.add("reason", error.message)
            if let trace = arrival.trace { line.add("trace_id", trace.traceID) }
        }
    }
}
