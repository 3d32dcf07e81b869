/// What a key may use in a minute and at a time; nil is as much as there is.
///
/// Twelve bytes, because a directory has a million of them.
package struct RateLimits: Hashable, Sendable {
    /// The most that any limit can be.
    package static let max: Int64 = 1_000_000_000
    package static let none = RateLimits()

    // Zero is no limit.
    private var requests: UInt32 = 0
    private var tokens: UInt32 = 0
    private var running: UInt32 = 0

    package init(
        requestsPerMinute: Int64? = nil,
        tokensPerMinute: Int64? = nil,
        concurrency: Int64? = nil
    ) {
        self.requestsPerMinute = requestsPerMinute
        self.tokensPerMinute = tokensPerMinute
        self.concurrency = concurrency
    }

    /// Calls admitted in any 60 seconds.
    package var requestsPerMinute: Int64? {
        get { Self.limit(requests) }
        set { requests = Self.stored(newValue) }
    }

    /// Tokens of the calls admitted in any 60 seconds.
    package var tokensPerMinute: Int64? {
        get { Self.limit(tokens) }
        set { tokens = Self.stored(newValue) }
    }

    /// Calls under way at the same time.
    package var concurrency: Int64? {
        get { Self.limit(running) }
        set { running = Self.stored(newValue) }
    }

    package subscript(kind: RateKind) -> Int64? {
        switch kind {
        case .requests: requestsPerMinute
        case .tokens: tokensPerMinute
        case .running: concurrency
        }
    }

    private static func limit(_ stored: UInt32) -> Int64? { stored == 0 ? nil : Int64(stored) }

    private static func stored(_ limit: Int64?) -> UInt32 {
        guard let limit else { return 0 }
        precondition((1...max).contains(limit), "a limit is from 1 to \(max)")
        return UInt32(limit)
    }
}

/// The three things that are limited.
package enum RateKind: String, Sendable {
    case requests = "requests_per_minute"
    case tokens = "tokens_per_minute"
    case running = "concurrency"
}

/// Calls and tokens of a minute, and calls under way.
package struct RateAmounts: Hashable, Sendable {
    package var requests: Int64
    package var tokens: Int64
    package var running: Int64

    package init(requests: Int64 = 0, tokens: Int64 = 0, running: Int64 = 0) {
        (self.requests, self.tokens, self.running) = (requests, tokens, running)
    }

    package static let zero = RateAmounts()

    package static func + (left: Self, right: Self) -> Self {
        left.merged(right, &+)
    }

    package static func - (left: Self, right: Self) -> Self {
        left.merged(right, &-)
    }

    /// Applies a function to each of the three.
    func merged(_ other: Self, _ body: (Int64, Int64) -> Int64) -> Self {
        RateAmounts(
            requests: body(requests, other.requests),
            tokens: body(tokens, other.tokens),
            running: body(running, other.running)
        )
    }

    /// The amounts without what is negative.
    var clampedToZero: Self { merged(.zero, Swift.max) }

    func covers(_ need: Self) -> Bool {
        requests >= need.requests && tokens >= need.tokens && running >= need.running
    }

    /// The first kind of which there is less than needed.
    func shortage(of need: Self) -> RateKind? {
        if requests < need.requests { return .requests }
        if tokens < need.tokens { return .tokens }
        return running < need.running ? .running : nil
    }
}

extension RateLimits {
    /// So much that no sum of it overflows.
    static let unlimited = Int64.max / 8

    /// The limits as amounts, with the largest numbers where there is none.
    var ceiling: RateAmounts {
        RateAmounts(
            requests: requestsPerMinute ?? Self.unlimited,
            tokens: tokensPerMinute ?? Self.unlimited,
            running: concurrency ?? Self.unlimited
        )
    }

    /// What of a need is limited, and thus counted.
    func counted(_ need: RateAmounts) -> RateAmounts {
        RateAmounts(
            requests: requests == 0 ? 0 : need.requests,
            tokens: tokens == 0 ? 0 : need.tokens,
            running: running == 0 ? 0 : need.running
        )
    }
}
