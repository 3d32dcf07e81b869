import Formats
import Ledger
import Schema

extension Log {
    /// One line for a call that was admitted: who, what, how it ended, and what it cost.
    func call(_ admitted: AdmittedCall, _ usage: Usage) {
        guard writes(.info) else { return }
        info(
            "call",
            [
                "request_id": .text(admitted.arrival.requestID),
                "account": .text(admitted.caller.account.slug),
                "endpoint": .text(usage.endpoint.rawValue),
                "model": .text(usage.model),
                "upstream": .text(usage.upstream),
                "status": .number(Int64(usage.status)),
                "outcome": .text(usage.outcome.rawValue),
                "usage_source": .text(usage.source.rawValue),
                "input_tokens": .number(usage.tokens.inputTotal),
                "output_tokens": .number(usage.tokens.outputTotal),
                "charge": .text(usage.charge.description),
                "latency_ms": .number(usage.latencyMilliseconds),
            ]
        )
    }

    /// One line for a call that was refused.
    func refusal(_ arrival: Arrival, _ error: APIError) {
        guard writes(.info) else { return }
        info(
            "refused",
            [
                "request_id": .text(arrival.requestID),
                "endpoint": .text(arrival.endpoint.rawValue),
                "status": .number(Int64(error.status)),
                "reason": .text(error.message),
            ]
        )
    }
}
