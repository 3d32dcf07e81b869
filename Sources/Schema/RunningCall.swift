/// A call that is under way, as people look at it.
package struct RunningCall: Hashable, Sendable {
    package let request: RequestID
    package let account: AccountID
    /// The account's slug.
    package let accountName: String
    package let currency: Currency
    package let key: KeyID
    package let model: String
    /// Where it is now.
    package let upstream: String
    package let upstreamModel: String
    package let endpoint: Endpoint
    package let isStreamed: Bool
    package let admittedAt: Instant
    /// Since admission.
    package let milliseconds: Int64
    /// From the request leaving to the first byte of the answer; nil while none has come.
    package let firstByteMilliseconds: Int64?
    /// Of the answer, as the upstream sent them.
    package let bytes: Int64
    /// Of a stream's text, estimated from above; zero for an answer in one piece.
    package let outputTokens: Int64
    package let hold: Pico
    /// The attempts that failed before.
    package let failedAttempts: Int

    package init(
        request: RequestID,
        account: AccountID,
        accountName: String,
        currency: Currency,
        key: KeyID,
        model: String,
        upstream: String,
        upstreamModel: String,
        endpoint: Endpoint,
        isStreamed: Bool,
        admittedAt: Instant,
        milliseconds: Int64,
        firstByteMilliseconds: Int64?,
        bytes: Int64,
        outputTokens: Int64,
        hold: Pico,
        failedAttempts: Int
    ) {
        self.request = request
        self.account = account
        self.accountName = accountName
        self.currency = currency
        self.key = key
        self.model = model
        self.upstream = upstream
        self.upstreamModel = upstreamModel
        self.endpoint = endpoint
        self.isStreamed = isStreamed
        self.admittedAt = admittedAt
        self.milliseconds = milliseconds
        self.firstByteMilliseconds = firstByteMilliseconds
        self.bytes = bytes
        self.outputTokens = outputTokens
        self.hold = hold
        self.failedAttempts = failedAttempts
    }
}

/// Some of the calls that are under way, and how many there are.
package struct RunningCallList: Hashable, Sendable {
    package private(set) var calls: [RunningCall]
    package private(set) var count: Int

    package init(calls: [RunningCall] = [], count: Int = 0) {
        (self.calls, self.count) = (calls, count)
    }

    /// The calls of both, the oldest first, at most so many.
    package func merging(_ other: RunningCallList, limit: Int) -> RunningCallList {
        let all = (calls + other.calls).sorted {
            ($0.admittedAt, $0.request) < ($1.admittedAt, $1.request)
        }
        return RunningCallList(calls: Array(all.prefix(limit)), count: count + other.count)
    }
}
