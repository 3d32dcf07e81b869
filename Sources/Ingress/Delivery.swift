import Billing
import Formats
import HTTPServer
import Ledger
import Schema

/// Sends a client what was withheld until its call was settled.
struct Delivery {
    let exchange: HTTPExchange
    let admitted: AdmittedCall
    let now: Instant
    /// The account's balance as this instance knows it after the call; nil when it does not.
    let balance: () -> Pico?

    /// The end of an answer: all of it, or what is left of a stream.
    struct Closing {
        let status: Int
        let fields: HTTPFields
        let bytes: [UInt8]
        let isStream: Bool
    }

    func send(_ lastBytes: RelayedAnswer.LastBytes, charged usage: Usage) {
        guard !exchange.isClientGone else { return }
        send(closing(lastBytes, charged: usage))
    }

    func send(_ closing: Closing) {
        guard !exchange.isClientGone else { return }
        do {
            guard closing.isStream else {
                return try exchange.respond(
                    status: closing.status,
                    fields: closing.fields,
                    body: closing.bytes
                )
            }
            if !exchange.hasBegun {
                try exchange.begin(status: closing.status, fields: closing.fields)
            }
            try exchange.write(closing.bytes)
            try exchange.finish()
        } catch {
            // The client left between the settlement and its last byte: it was served and charged.
        }
    }

    func closing(_ lastBytes: RelayedAnswer.LastBytes, charged usage: Usage) -> Closing {
        switch lastBytes {
        case .whole(let status, let upstreamFields, let body):
            var fields = HTTPFields()
            fields.reserve(byteCount: 256)
            for (name, value) in upstreamFields { fields.append(name, value) }
            admitted.describe(in: &fields, at: now)
            fields.append("x-farebox-cost", text(usage.charge))
            if let balance = balance() { fields.append("x-farebox-balance", text(balance)) }
            return Closing(status: status, fields: fields, bytes: body, isStream: false)
        case .rest(let bytes):
            return stream(usage, bytes)
        case .lengthStop(let relay):
            return stream(usage, lengthStop(of: relay, charged: usage))
        case .refusal(let error):
            let arrival = admitted.arrival
            let rendered = error.render(arrival.format, requestID: arrival.requestID)
            return Closing(
                status: rendered.status,
                fields: HTTPFields(rendered.fields + arrival.fields(at: now)),
                bytes: rendered.body,
                isStream: false
            )
        }
    }

    private func stream(_ usage: Usage, _ bytes: [UInt8]) -> Closing {
        Closing(
            status: usage.status,
            fields: admitted.streamFields(at: now),
            bytes: bytes,
            isStream: true
        )
    }

    /// Where the format has no such end, the stream says that it breaks off.
    private func lengthStop(of relay: any StreamRelay, charged usage: Usage) -> [UInt8] {
        let requestID = admitted.arrival.requestID
        let error = APIError(.unavailable(retryAfterSeconds: 1), "The credit has run out.")
        return relay.lengthEnd(reporting: UsageReport(measured: usage.tokens))
            ?? relay.breakOff(with: error, requestID: requestID)
    }

    private func text(_ amount: Pico) -> String {
        amount.decimal(fractionDigitsMin: admitted.caller.account.currency.exponent)
    }
}

extension AdmittedCall {
    /// Adds what every answer to an admitted call says about itself.
    func describe(in fields: inout HTTPFields, at now: Instant) {
        for (name, value) in arrival.fields(at: now) {
            fields.append(name, value)
        }
        if isCapLowered { fields.append("x-farebox-output-cap", String(admission.outputCap)) }
    }

    /// Whether the upstream was given another cap than the client's own.
    private var isCapLowered: Bool {
        admission.wasCapLowered || call.facts.outputCap.map { admission.outputCap < $0 } ?? false
    }

    func streamFields(at now: Instant) -> HTTPFields {
        var fields = HTTPFields()
        describe(in: &fields, at: now)
        fields.append("content-type", "text/event-stream; charset=utf-8")
        fields.append("cache-control", "no-cache")
        return fields
    }
}
