import Formats
import Ledger
import Schema

/// A call's part in the rate limits of its key, from admission to settlement, and what answers say
/// of them.
final class CallRates {
    private let limiter: RateLimiter
    private let limits: RateLimits
    private let key: RateKey
    private var hold: RateHold?

    /// Nil for a key without limits, which costs nothing.
    init?(_ caller: Caller, _ limiter: RateLimiter) {
        guard caller.key.rates != .none else { return nil }
        self.limiter = limiter
        limits = caller.key.rates
        key = RateKey(account: caller.key.account, key: caller.key.id)
    }

    /// Refuses a call that is certain to be refused, before money is set aside for it.
    ///
    /// - Parameter tokens: as few as it could be admitted with.
    func foresee(tokens: Int64) throws(APIError) {
        let need = RateAmounts(requests: 1, tokens: tokens, running: 1)
        if let refusal = limiter.foreseen(need, of: key) { throw error(refusal, need) }
    }

    /// Counts the call; nothing is counted when it is refused.
    ///
    /// - Parameter tokens: an upper bound, corrected by `settle`.
    func admit(tokens: Int64, waitMax: Duration) async throws(APIError) {
        let need = RateAmounts(requests: 1, tokens: tokens, running: 1)
        do throws(RateRefusal) {
            hold = try await limiter.admit(need, of: key, under: limits, waitMax: waitMax)
        } catch {
            throw self.error(error, need)
        }
    }

    /// Ends the call with the tokens that it used.
    func settle(tokens: Int64) {
        if let hold { limiter.settle(hold, tokens: tokens) }
        hold = nil
    }

    /// Ends a call that never left: it counts for nothing.
    func release() {
        if let hold { limiter.release(hold) }
        hold = nil
    }

    // MARK: What answers say

    /// The fields of the caller's API; none before anything is known of the key's limits.
    func fields(_ format: APIFormat, now: Instant) -> [(name: String, value: String)] {
        guard let figures = limiter.figures(key) else { return [] }
        var fields: [(name: String, value: String)] = []
        func add(_ kind: String, _ limit: Int64?, _ remaining: Int64, _ reset: Duration) {
            guard let limit else { return }
            switch format {
            case .openAI:
                fields.append(("x-ratelimit-limit-\(kind)", "\(limit)"))
                fields.append(("x-ratelimit-remaining-\(kind)", "\(remaining)"))
                fields.append(("x-ratelimit-reset-\(kind)", reset.goText))
            case .anthropic:
                fields.append(("anthropic-ratelimit-\(kind)-limit", "\(limit)"))
                fields.append(("anthropic-ratelimit-\(kind)-remaining", "\(remaining)"))
                let instant = now.adding(seconds: reset.secondsRoundedUp)
                fields.append(
                    ("anthropic-ratelimit-\(kind)-reset", instant.wholeSecond.description)
                )
            }
        }
        add(
            "requests",
            limits.requestsPerMinute,
            figures.remaining.requests,
            figures.requestsReset
        )
        add("tokens", limits.tokensPerMinute, figures.remaining.tokens, figures.tokensReset)
        return fields
    }

    private func error(_ refusal: RateRefusal, _ need: RateAmounts) -> APIError {
        switch refusal {
        case .limited(let kind, let retryAfter):
            let seconds = retryAfter.secondsRoundedUp
            return APIError(
                .rateLimited(limitedBy: kind.rawValue, retryAfterSeconds: Int(max(seconds, 1))),
                "This API key's limit of \(limit(kind)) is reached: retry in \(max(seconds, 1)) s."
            )
        case .beyondLimit(let kind):
            // No 429, after which clients try again: no minute will ever have room for it.
            return APIError(
                .invalidRequest(code: "beyond_\(kind.rawValue)", parameter: nil),
                "This call could use \(need.tokens) tokens, and this API key's limit is"
                    + " \(limit(kind)): send a shorter prompt or a lower output cap."
            )
        case .unavailable:
            return APIError(
                .unavailable(retryAfterSeconds: 1),
                "This API key's limits cannot be counted at the moment: retry soon."
            )
        }
    }

    private func limit(_ kind: RateKind) -> String {
        let limit = limits[kind] ?? 0
        return switch kind {
        case .requests: "\(limit) requests a minute"
        case .tokens: "\(limit) tokens a minute"
        case .running: "\(limit) calls at a time"
        }
    }
}

extension Duration {
    fileprivate var secondsRoundedUp: Int64 {
        let (seconds, attoseconds) = components
        return attoseconds > 0 ? seconds + 1 : seconds
    }

    /// As OpenAI writes it, in the manner of Go: `1m0.25s`, `59s`, `0s`.
    fileprivate var goText: String {
        let (whole, attoseconds) = components
        let milliseconds = attoseconds / 1_000_000_000_000_000
        let (minutes, seconds) = (whole / 60, whole % 60)
        var text = minutes > 0 ? "\(minutes)m\(seconds)" : "\(seconds)"
        if milliseconds > 0 {
            var digits = String(1_000 + milliseconds).dropFirst()
            while digits.last == "0" { digits.removeLast() }
            text += "." + digits
        }
        return text + "s"
    }
}

extension Instant {
    fileprivate var wholeSecond: Instant {
        Instant(microseconds: microseconds - microseconds % 1_000_000)
    }
}
