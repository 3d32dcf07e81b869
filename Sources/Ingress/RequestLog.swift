import Formats
import Ledger
import Schema

extension CallLoop {
    /// One line for a call that was admitted: who, what, how it ended, and what it cost.
    func log(_ admitted: AdmittedCall, _ usage: Usage) {
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
