import Curl
import Formats
import Schema

/// What an upstream's failure means for the call's event and for the client.
struct UpstreamFailure {
    let outcome: UsageOutcome
    let error: APIError
    /// Whether it was us who ended the transfer.
    let isCancelled: Bool
    /// What it means for further attempts; nil where the upstream is not to blame.
    let attempt: AttemptFailure?

    init(_ error: CurlError, upstream: String) {
        isCancelled = error.kind == .cancelled
        attempt = AttemptFailure(error)
        if case .timeout = error.kind {
            outcome = .timedOut
            self.error = APIError(
                .upstreamTimedOut,
                "The upstream \"\(upstream)\" did not answer in time."
            )
        } else {
            outcome = .upstreamFailed
            self.error = APIError(
                .upstreamFailed,
                "The upstream \"\(upstream)\" could not be used: \(error.kind.reason)."
            )
        }
    }

    init(_ reason: String, upstream: String) {
        isCancelled = false
        attempt = AttemptFailure(broken: 200)
        outcome = .upstreamFailed
        error = APIError(.upstreamFailed, "The upstream \"\(upstream)\" \(reason).")
    }

    /// An answer whose status is not a success, before any content.
    ///
    /// What the client can mend is passed on as the upstream said it; what only the operator can
    /// (keys, permissions, the upstream's bill) is a failure of the upstream.
    static func refusal(
        status: Int,
        fields: [(name: String, value: String)],
        body: [UInt8],
        upstream: String
    ) -> RelayedAnswer.LastBytes {
        let failure = AttemptFailure(status: status, fields: fields, body: body)
        if failure?.end == .keyRefused {
            return .refusal(
                APIError(
                    .upstreamFailed,
                    "The upstream \"\(upstream)\" refused the key that Farebox has for it."
                )
            )
        }
        switch status {
        case 400, 413, 422:
            return .whole(status: status, fields: contentType(fields), body: body)
        case 429:
            let wait = RetryAfter.read(fields) ?? .zero
            return .refusal(APIError(upstream: upstream, limitedFor: wait))
        default:
            return .refusal(
                APIError(.upstreamFailed, "The upstream \"\(upstream)\" answered \(status).")
            )
        }
    }

    private static func contentType(
        _ fields: [(name: String, value: String)]
    ) -> [(name: String, value: String)] {
        fields.filter { $0.name == "content-type" }
    }
}

extension APIError {
    /// An upstream takes no calls for so long.
    init(upstream: String, limitedFor wait: Duration) {
        let seconds = Int((wait + .milliseconds(999)).components.seconds)
        self.init(
            .rateLimited(limitedBy: "upstream", retryAfterSeconds: max(1, seconds)),
            "The upstream \"\(upstream)\" limits the rate of calls."
        )
    }
}
