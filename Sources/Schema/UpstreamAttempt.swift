/// A try at an upstream that brought the client nothing, so that another followed.
///
/// The customer pays for none of them.
package struct UpstreamAttempt: Hashable, Sendable {
    package var upstream: String
    package var upstreamModel: String
    package var end: AttemptEnd
    /// The HTTP status that the upstream answered with; nil when it did not answer.
    package var status: Int?
    /// From the request leaving to the failure.
    package var milliseconds: Int64

    package init(
        upstream: String,
        upstreamModel: String,
        end: AttemptEnd,
        status: Int?,
        milliseconds: Int64
    ) {
        self.upstream = upstream
        self.upstreamModel = upstreamModel
        self.end = end
        self.status = status
        self.milliseconds = milliseconds
    }
}

/// How an attempt at an upstream failed.
package enum AttemptEnd: String, CaseIterable, Sendable {
    /// No connection could be made.
    case unreachable
    /// The upstream limits the rate of calls.
    case limited
    /// The upstream answered that it failed.
    case failed
    /// The upstream went silent.
    case timedOut = "timed_out"
    /// The upstream broke its answer off, or sent what is none.
    case broken
    /// The upstream refused the key, or what stands behind it does not pay.
    case keyRefused = "key_refused"
    /// The upstream refused the call for a reason that is not the client's.
    case refused
}
