import Digest
import Formats
import HTTPServer
import Ledger
import Schema

/// What a call with an `Idempotency-Key` is answered, while it is.
final class CallRecording {
    /// What its field is called.
    private static let fieldName = "idempotency-key"

    private let call: KeyedCall
    private let calls: KeyedCalls
    private let claimedAt: ContinuousClock.Instant
    private var body: [UInt8] = []
    private var isTooLarge = false

    private init(
        _ call: KeyedCall,
        _ calls: KeyedCalls,
        claimedAt: ContinuousClock.Instant
    ) {
        self.call = call
        self.calls = calls
        self.claimedAt = claimedAt
    }

    /// What comes of a request's `Idempotency-Key`.
    enum Claim {
        /// The call is to be made; nil without a key.
        case make(CallRecording?)
        case replay(KeyedAnswer)
    }

    /// - Throws: 400 for a key that is none, 409 while the call runs, 422 for another body or an
    ///   answer that is not kept, 503 without the database.
    static func claim(
        _ arrival: Arrival,
        _ caller: Caller,
        _ body: [UInt8],
        _ calls: KeyedCalls
    ) async throws(APIError) -> Claim {
        let names = arrival.request.fields.all(named: fieldName)
        guard let name = names.first else { return .make(nil) }
        guard names.count == 1, isName(name) else {
            throw APIError(
                .invalidRequest(code: "invalid_idempotency_key", parameter: nil),
                "An Idempotency-Key is one value of 1 to \(KeyedCall.nameBytesMax) visible"
                    + " ASCII characters."
            )
        }
        let call = KeyedCall(
            account: caller.account.id,
            key: caller.key.id,
            name: name,
            requestHash: await hash(body, of: arrival),
            request: arrival.id
        )
        let now = ContinuousClock.now
        switch try await calls.claim(call) {
        case .claimed: return .make(CallRecording(call, calls, claimedAt: now))
        case .answered(let answer): return .replay(answer)
        case .running:
            throw APIError(
                .conflict(code: "idempotency_key_in_use"),
                "The call with this Idempotency-Key has not ended yet."
            )
        case .otherRequest:
            throw APIError(
                .unprocessable(code: "idempotency_key_reused"),
                "This Idempotency-Key was sent with another request within the last 24 hours."
            )
        case .ended(let request, let charge):
            throw APIError(
                .unprocessable(code: "idempotent_answer_not_kept"),
                "The call with this Idempotency-Key has ended as req_\(request.hexadecimal) and"
                    + " was charged \(caller.account.currency.text(charge)), but its answer"
                    + " was not kept."
            )
        }
    }

    private static func isName(_ text: String) -> Bool {
        (1...KeyedCall.nameBytesMax).contains(text.utf8.count)
            && text.utf8.allSatisfy { (0x21...0x7e).contains($0) }
    }

    private static func hash(_ body: [UInt8], of arrival: Arrival) async -> SHA256Digest {
        let route = "\(arrival.endpoint.rawValue)?\(arrival.query ?? "")\n"
        return await scan(body) { body in
            var hash = SHA256()
            hash.update(Array(route.utf8))
            hash.update(body)
            return hash.finalize()
        }
    }

    /// Whether nobody can have taken the claim over: others do that only when this process has not
    /// been heard of for longer than two calls last, and it may have been stopped in between.
    func isHeld(for callDeadline: Duration) -> Bool {
        ContinuousClock.now - claimedAt < callDeadline
    }

    /// Adds bytes of a stream.
    func append(_ bytes: [UInt8]) {
        guard !isTooLarge else { return }
        isTooLarge = body.count + bytes.count > KeyedAnswer.bodyBytesMax
        if isTooLarge { body = [] } else { body += bytes }
    }

    /// Ends the call with the last bytes of its answer.
    ///
    /// A failure that cost nothing is not kept, whatever its status: its repeat is another
    /// attempt.
    ///
    /// - Parameter isWhole: whether the upstream's answer came to its end.
    func end(
        status: Int,
        fields: HTTPFields,
        lastBytes: [UInt8],
        isWhole: Bool,
        charge: Pico
    ) async {
        append(lastBytes)
        if charge == .zero, !isWhole { return await release() }
        let answer =
            isTooLarge
            ? nil
            : KeyedAnswer(
                status: status,
                fields: fields.map { KeyedAnswer.Field(name: $0.name, value: $0.value) },
                body: body
            )
        await calls.end(call, .answered(answer, charge: charge))
    }

    /// The call came to nothing: its repeat is to be made.
    func release() async {
        await calls.end(call, .released)
    }
}
