import Billing
import Formats
import HTTPServer
import Ledger
import Schema

/// A request that has arrived: its identifier and its instants.
struct Arrival {
    let id: RequestID
    let endpoint: Endpoint
    let receivedAt: ContinuousClock.Instant
    let request: HTTPRequest

    var format: APIFormat { endpoint.format }

    /// As clients see it: `req_` and 32 hexadecimal digits.
    var requestID: String { "req_\(id.hexadecimal)" }
}

/// A body that has been read, and what it says.
struct ParsedCall {
    let body: [UInt8]
    let facts: CallFacts
}

/// Where a call goes.
struct RoutedCall {
    let route: ModelRoute
    let upstream: Upstream
    let upstreamModel: String
}

/// A call that may leave: its money is set aside and its draft event is in the journal.
struct AdmittedCall {
    let arrival: Arrival
    let caller: Caller
    let call: ParsedCall
    let routed: RoutedCall
    let admission: Admission
    let event: EventID
    let admittedAt: Instant
    let startedAt: ContinuousClock.Instant
}

/// What came of a call, before it is priced.
struct RelayedAnswer {
    var status = 0
    var outcome = UsageOutcome.upstreamFailed
    /// What the upstream said that it used; nil when it said nothing.
    var report: Formats.UsageReport?
    /// Bytes and pieces of answer text that came, for an estimate when the upstream is silent.
    var textBytes: Int64 = 0
    var textEvents: Int64 = 0
    var firstByteAt: ContinuousClock.Instant?
    /// What the client still waits for, withheld until the call is settled.
    var lastBytes = LastBytes.rest([])

    /// The end of an answer.
    enum LastBytes {
        /// A whole answer that is not a stream.
        case whole(status: Int, fields: [(name: String, value: String)], body: [UInt8])
        /// The last bytes of a stream, an error event included if it broke off.
        case rest([UInt8])
        /// An error instead of an answer, of which nothing has left yet.
        case refusal(APIError)

        /// The status that the client gets; nil where a stream has begun.
        var status: Int? {
            switch self {
            case .whole(let status, _, _): status
            case .refusal(let error): error.status
            case .rest: nil
            }
        }
    }

    init(firstByteAt: ContinuousClock.Instant?) {
        self.firstByteAt = firstByteAt
    }

    mutating func fail(_ failure: UpstreamFailure) {
        outcome = failure.outcome
        status = failure.error.status
        lastBytes = .refusal(failure.error)
    }

    /// A client that left before the end is the outcome, whatever became of the upstream.
    mutating func note(isClientGone: Bool) {
        if isClientGone { outcome = .clientGone }
    }
}
