import Schema
import Testing

@testable import Ingress

@Suite struct AttemptFailureTests {
    private let now = ContinuousClock.now

    private func again(_ failure: AttemptFailure?, keys: Bool = false, count: Int = 1)
        -> AttemptPlan.Again?
    {
        failure?.again(at: now, attemptCount: count, hasOtherKeys: keys, jitter: 0)
    }

    @Test(arguments: [200, 201, 400, 413, 422])
    func `a success and the caller's own fault are never retried`(status: Int) {
        #expect(AttemptFailure(status: status, fields: []) == nil)
    }

    @Test(arguments: [500, 502, 503, 529, 408])
    func `an upstream that says that it failed is asked again`(
        status: Int
    ) {
        let failure = AttemptFailure(status: status, fields: [])
        #expect(failure?.end == .failed && failure?.isUpstreamFault == true)
        #expect(again(failure) == .notBefore(now + .milliseconds(200)))
        #expect(again(failure, count: 3) == .notBefore(now + .milliseconds(800)))
        #expect(again(failure, count: 20) == .notBefore(now + .seconds(2)))
    }

    @Test func `what may have been done is only sent elsewhere`() {
        #expect(again(AttemptFailure(status: 504, fields: [])) == .never)
        #expect(again(AttemptFailure(broken: 200)) == .never)
    }

    @Test(arguments: [401, 402])
    func `a refused key is replaced by another, and says nothing of the upstream`(
        status: Int
    ) {
        let failure = AttemptFailure(status: status, fields: [])
        #expect(failure?.end == .keyRefused && failure?.isUpstreamFault == false)
        #expect(again(failure, keys: true) == .atOnce)
        #expect(again(failure, keys: false) == .never)
    }

    private static func complaint(type: String, code: String = "", message: String = "x") -> String
    {
        #"{"error":{"message":"\#(message)","type":"\#(type)","code":"\#(code)"}}"#
    }

    /// As the providers write them.
    private static let complaints = [
        (429, complaint(type: "insufficient_quota", code: "insufficient_quota")),
        (429, complaint(type: "insufficient_quota", code: "credit_balance_exhausted")),
        (429, complaint(type: "requests", code: "billing_not_active")),
        (400, complaint(type: "", code: "billing_hard_limit_reached")),
        (403, complaint(type: "", code: "enforced_spend_limit_reached")),
        (400, #"{"code":"Arrearage","message":"Access denied"}"#),
        (
            400,
            complaint(
                type: "invalid_request_error",
                message: "Your credit balance is too low to access the Anthropic API. Please go to"
            )
        ),
        (
            400,
            complaint(
                type: "invalid_request_error",
                message: "You have reached your specified API usage limits. You will regain"
            )
        ),
    ]

    @Test(arguments: complaints)
    func `an account without money is the key's fault, whatever the status says`(
        status: Int,
        body: String
    ) {
        let failure = AttemptFailure(status: status, fields: [], body: Array(body.utf8))
        #expect(failure?.end == .keyRefused && failure?.isUpstreamFault == false)
        #expect(again(failure, keys: true) == .atOnce && again(failure) == .never)
    }

    @Test(
        arguments: [
            complaint(type: "tokens", code: "rate_limit_exceeded"),
            complaint(type: "insufficient_quotas"),
            complaint(type: "x", message: "'Your credit balance is too low' is no role"),
            #"{"error":"insufficient_quota"}"#, #"[]"#, "", "<html>",
        ]
    )
    func `other refusals mean what their status says, whatever they quote`(body: String) {
        let bytes = Array(body.utf8)
        #expect(AttemptFailure(status: 400, fields: [], body: bytes) == nil)
        #expect(AttemptFailure(status: 429, fields: [], body: bytes)?.end == .limited)
        #expect(AttemptFailure(status: 403, fields: [], body: bytes)?.end == .refused)
    }

    @Test(arguments: [302, 403, 404, 418])
    func `what only the operator can mend goes to another route`(
        status: Int
    ) {
        #expect(again(AttemptFailure(status: status, fields: [])) == .never)
    }

    @Test func `retry-after is honoured`() {
        let failure = AttemptFailure(status: 429, fields: [("retry-after", "7")])
        #expect(failure?.isUpstreamFault == false)
        #expect(again(failure) == .notBefore(now + .seconds(7)))
        #expect(again(failure, keys: true) == .atOnce)
    }

    @Test(
        arguments: [
            ([("retry-after-ms", "250"), ("retry-after", "9")], Duration.milliseconds(250)),
            ([("retry-after", "1.5")], .milliseconds(1_500)),
            ([("retry-after", "1e30")], .seconds(3_600)),
            ([("retry-after", "-1")], nil), ([("retry-after", "nan")], nil),
            ([("retry-after", "Wed, 21 Oct 2026 07:28:00 GMT")], nil), ([], nil),
            (
                [
                    ("date", "Wed, 21 Oct 2026 07:27:18 GMT"),
                    ("retry-after", "Wed, 21 Oct 2026 07:28:00 GMT"),
                ], .seconds(42)
            ),
            (
                [
                    ("date", "Wednesday, 21-Oct-26 07:28:30 GMT"),
                    ("retry-after", "Wed Oct 21 07:28:00 2026"),
                ], .zero
            ),
            ([("date", "soon"), ("retry-after", "Wed, 21 Oct 2026 07:28:00 GMT")], nil),
            ([("date", "Wed, 21 Oct 2026 07:27:18 GMT"), ("retry-after", "later")], nil),
        ] as [([(name: String, value: String)], Duration?)]
    )
    func `it is read as seconds, milliseconds or a date beside the answer's own`(
        fields: [(name: String, value: String)],
        expected: Duration?
    ) {
        #expect(RetryAfter.read(fields) == expected)
    }
}
