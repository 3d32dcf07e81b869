import Ledger

/// `--requests-per-minute`, `--tokens-per-minute` and `--concurrency`.
enum RateOptions {
    static let all: [Command.Option] = [
        .value("--requests-per-minute", "N", "the most calls in any 60 seconds"),
        .value("--tokens-per-minute", "N", "the most tokens of the calls in any 60 seconds"),
        .value("--concurrency", "N", "the most calls under way at the same time"),
    ]
}

extension Invocation {
    /// The rate limits of what is being made.
    func rates() throws -> RateLimits {
        let range = 1...RateLimits.max
        return RateLimits(
            requestsPerMinute: try integer(option: "--requests-per-minute", in: range),
            tokensPerMinute: try integer(option: "--tokens-per-minute", in: range),
            concurrency: try integer(option: "--concurrency", in: range)
        )
    }
}

extension RateLimits {
    /// For tables: `60 calls/min, 2 at a time`.
    var text: String {
        let parts = [
            requestsPerMinute.map { "\($0) calls/min" },
            tokensPerMinute.map { "\($0) tokens/min" },
            concurrency.map { "\($0) at a time" },
        ].compactMap(\.self)
        return parts.isEmpty ? "none" : parts.joined(separator: ", ")
    }
}
