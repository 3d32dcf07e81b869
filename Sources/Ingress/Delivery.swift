import Billing
import Formats
import HTTPServer
import Ledger
import Schema

/// Sends a client what was withheld until its call was settled.
struct Delivery {
    let exchange: HTTPExchange
    let admitted: AdmittedCall

    func send(_ lastBytes: RelayedAnswer.LastBytes, charged usage: Usage) {
        guard !exchange.isClientGone else { return }
        do {
            switch lastBytes {
            case .whole(let status, let fields, let body):
                try exchange.respond(
                    status: status,
                    fields: HTTPFields(fields + admitted.responseFields + [cost(of: usage)]),
                    body: body
                )
            case .rest(let bytes):
                if !exchange.hasBegun {
                    try exchange.begin(
                        status: usage.status,
                        fields: HTTPFields(admitted.streamFields)
                    )
                }
                try exchange.write(bytes)
                try exchange.finish()
            case .refusal(let error):
                exchange.refuse(
                    error,
                    admitted.arrival.format,
                    requestID: admitted.arrival.requestID
                )
            }
        } catch {
            // The client left between the settlement and its last byte: it was served and charged.
        }
    }

    private func cost(of usage: Usage) -> (name: String, value: String) {
        let digits = admitted.caller.account.currency.exponent
        return ("x-farebox-cost", usage.charge.decimal(fractionDigitsMin: digits))
    }
}

extension AdmittedCall {
    /// What every answer to an admitted call says about itself.
    var responseFields: [(name: String, value: String)] {
        var fields = arrival.format.requestIDFields(arrival.requestID)
        if isCapLowered {
            fields.append((name: "x-farebox-output-cap", value: String(admission.outputCap)))
        }
        return fields
    }

    /// Whether the upstream was given another cap than the client's own.
    private var isCapLowered: Bool {
        admission.wasCapLowered || call.facts.outputCap.map { admission.outputCap < $0 } ?? false
    }

    var streamFields: [(name: String, value: String)] {
        responseFields + [
            (name: "content-type", value: "text/event-stream; charset=utf-8"),
            (name: "cache-control", value: "no-cache"),
        ]
    }
}
