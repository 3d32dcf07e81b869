import Billing
import EventLoop
import Formats
import HTTPServer
import Ledger
import Schema

/// A request that has arrived, and its identifier.
///
/// A class, like what is known of a call later, because it is handed from phase to phase.
final class Arrival {
    let id: RequestID
    /// As clients see it: `req_` and 32 hexadecimal digits.
    let requestID: String
    let endpoint: Endpoint
    let request: HTTPRequest
    /// The trace that the client says the call belongs to.
    let trace: TraceContext?
    /// Its part in the key's rate limits, once the key is known and if it has any.
    var rates: CallRates?

    init(
        id: RequestID,
        endpoint: Endpoint,
        request: HTTPRequest
    ) {
        self.id = id
        requestID = "req_\(id.hexadecimal)"
        self.endpoint = endpoint
        self.request = request
        trace = TraceContext(request.fields)
    }

    var format: APIFormat { endpoint.format }
    var query: String? { request.query }

    /// The fields of every answer to it, whatever comes of it.
    func fields(at now: Instant) -> [(name: String, value: String)] {
        let fields = format.requestIDFields(requestID)
        return rates.map { fields + $0.fields(format, now: now) } ?? fields
    }
}

/// A body that has been read, and what it says.
final class ParsedCall {
    let body: [UInt8]
    let facts: CallFacts

    init(body: [UInt8], facts: CallFacts) {
        self.body = body
        self.facts = facts
    }
}

/// A call that may leave: its money is set aside and its draft event is in the journal.
final class AdmittedCall {
    let arrival: Arrival
    let caller: Caller
    let call: ParsedCall
    let routes: CallRoutes
    /// Where the call is, or was last.
    var routed: RoutedCall
    /// The leave that it has there.
    var permit = UpstreamState.Permit()
    /// The attempts that failed before that.
    var attempts: [UpstreamAttempt] = []
    /// When its last request left.
    var leftAt: LoopTime
    /// What keeps the answer for a repeat; nil for a call without an `Idempotency-Key`.
    var recording: CallRecording?
    /// What of its answer has come, for whoever looks.
    var progress = AnswerProgress()
    /// Where it stands among the calls of its loop.
    var place = 0
    /// Its hold may grow while the answer comes.
    var admission: Admission
    let event: EventID
    let admittedAt: Instant
    let startedAt: LoopTime

    init(
        arrival: Arrival,
        caller: Caller,
        call: ParsedCall,
        routes: CallRoutes,
        admission: Admission,
        event: EventID,
        admittedAt: Instant,
        startedAt: LoopTime
    ) {
        self.arrival = arrival
        self.caller = caller
        self.call = call
        self.routes = routes
        routed = routes.first
        self.admission = admission
        self.event = event
        self.admittedAt = admittedAt
        self.startedAt = startedAt
        leftAt = startedAt
    }

    /// What the request says in the format that it leaves in: what it is bounded and metered by.
    var facts: CallFacts { routed.translated?.facts ?? call.facts }

    /// The request in the format that it leaves in.
    var sent: ParsedCall {
        routed.translated.map { ParsedCall(body: $0.body, facts: $0.facts) } ?? call
    }

    /// Its upstream has begun to say what was asked for.
    func noteContent() { routed.state.note(contentOf: &permit) }

    /// What a translated answer is called.
    var answerIdentity: AnswerIdentity {
        AnswerIdentity(
            id: arrival.id.hexadecimal,
            model: call.facts.model,
            createdAt: admittedAt
        )
    }
}

/// What came of a call, before it is priced.
///
/// A class, because every function that a stream runs in would keep room for another copy.
final class RelayedAnswer {
    var status = 0
    var outcome = UsageOutcome.upstreamFailed
    /// What the upstream said that it used; nil when it said nothing.
    var report: Formats.UsageReport?
    /// Bytes and pieces of answer text that came, for an estimate when the upstream is silent.
    var textBytes: Int64 = 0
    var textEvents: Int64 = 0
    /// The tokens of that text, counted where the upstream reported no usage and it could be done.
    var writtenTokens: Int64?
    var firstByteAt: LoopTime?
    /// Whether we left the upstream in the middle, because the client had left us: what it had done
    /// by then is owed, although it wrote nothing that could be counted.
    var isAbandoned = false
    /// Whether the answer was ended here because its hold could not grow: what had come is owed
    /// whatever the policy is for upstreams that are silent.
    var isCut = false
    /// Whether the answer came to its end, be it that the client's own fault was told.
    var isWhole = false
    /// Why the upstream's answer is none, where that is the upstream's doing.
    var failure: AttemptFailure?
    /// What the client still waits for, withheld until the call is settled.
    var lastBytes = LastBytes.rest([])

    /// The end of an answer.
    enum LastBytes {
        /// A whole answer that is not a stream.
        case whole(status: Int, fields: [(name: String, value: String)], body: [UInt8])
        /// The last bytes of a stream, an error event included if it broke off.
        case rest([UInt8])
        /// The length stop of a stream, with what it is charged for.
        case lengthStop(any StreamRelay)
        /// An error instead of an answer, of which nothing has left yet.
        case refusal(APIError)

        /// The status that the client gets; nil where a stream has begun.
        var status: Int? {
            switch self {
            case .whole(let status, _, _): status
            case .refusal(let error): error.status
            case .rest, .lengthStop: nil
            }
        }
    }

    init(firstByteAt: LoopTime?) {
        self.firstByteAt = firstByteAt
    }

    func fail(_ failure: UpstreamFailure) {
        outcome = failure.outcome
        status = failure.error.status
        self.failure = failure.attempt
        lastBytes = .refusal(failure.error)
    }

    /// It failed before its client had anything: then it costs nothing, whatever had come of it, as
    /// where another attempt follows.
    func forgetUsage() {
        report = nil
        (textBytes, textEvents, writtenTokens) = (0, 0, nil)
    }

    /// A client that left before the end is the outcome, whatever became of the upstream.
    func note(isClientGone: Bool) {
        if isClientGone { outcome = .clientGone }
    }
}
