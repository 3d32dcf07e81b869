import Curl
import Schema

/// Why an attempt brought the client nothing, and whether the call may be sent again.
struct AttemptFailure: Hashable, Sendable {
    /// The pause before the first repetition at one upstream; twice as long before each further.
    static let pause = Duration.milliseconds(200)
    static let pauseMax = Duration.seconds(2)

    let end: AttemptEnd
    /// The upstream's own status; nil when it did not answer.
    let status: Int?
    /// When the upstream wants to be asked again; nil when it does not say.
    let retryAfter: Duration?
    /// Whether the upstream surely did nothing with the call, so that it may have it again.
    private let isUntouched: Bool

    /// Nil for a failure that is not the upstream's, which no other upstream mends.
    init?(_ error: CurlError) {
        switch error.kind {
        case .resolve, .connect, .tls, .timeout(.connect): end = .unreachable
        case .timeout: end = .timedOut
        case .reset, .truncated, .protocolViolation, .headTooLarge: end = .broken
        case .certificateAuthorities, .cancelled, .closed, .invalidRequest, .resources,
            .unexpected, .refusedAddress:
            return nil
        }
        status = nil
        retryAfter = nil
        isUntouched = error.isRetrySafe
    }

    /// An answer that is none.
    init(broken status: Int) {
        end = .broken
        self.status = status
        retryAfter = nil
        isUntouched = false
    }

    /// Nil for a success, and for what the client has to mend.
    ///
    /// - Parameter body: what came with a refusal, as far as it was read.
    init?(status: Int, fields: [(name: String, value: String)], body: [UInt8] = []) {
        let mayMeanTheKey = [400, 403, 429].contains(status)
        switch status {
        case 200...299: return nil
        case 401, 402: end = .keyRefused
        case _ where mayMeanTheKey && KeyComplaint.isMade(in: body): end = .keyRefused
        case 400, 413, 422: return nil
        case 429: end = .limited
        case 408, 409, 425, 500...599: end = .failed
        default: end = .refused
        }
        self.status = status
        retryAfter = RetryAfter.read(fields)
        // A gateway's timeout tells nothing about what is behind it.
        isUntouched = status != 504
    }

    /// Whether it speaks against the upstream's health, not against a key or this call.
    var isUpstreamFault: Bool {
        switch end {
        case .unreachable, .failed, .timedOut, .broken: true
        case .limited, .keyRefused, .refused: false
        }
    }

    /// - Parameters:
    ///   - attemptCount: how many attempts the call has made.
    ///   - jitter: from 0 to 100, so that many calls do not come back at once.
    func again(
        at now: ContinuousClock.Instant,
        attemptCount: Int,
        hasOtherKeys: Bool,
        jitter: Int
    ) -> AttemptPlan.Again {
        switch end {
        case .keyRefused: return hasOtherKeys ? .atOnce : .never
        case .refused, .timedOut, .broken: return .never
        case .unreachable, .failed, .limited:
            guard isUntouched else { return .never }
            if end == .limited, hasOtherKeys { return .atOnce }
            let doublings = min(max(0, attemptCount - 1), 8)
            let pause = min(Self.pause * (1 << doublings), Self.pauseMax)
            let wait = retryAfter ?? pause - pause * jitter / 400
            return .notBefore(now + wait)
        }
    }
}

/// When an upstream wants to be asked again.
enum RetryAfter {
    /// Nobody waits for longer, and no key is spared for longer.
    private static let secondsMax = 3_600.0

    /// `retry-after-ms` before `retry-after`, which is whole or decimal seconds or a date.
    ///
    /// A date is counted from the answer's own `date`, so that no two clocks are compared; without
    /// one it says nothing.
    static func read(_ fields: [(name: String, value: String)]) -> Duration? {
        func value(_ name: String) -> String? { fields.first { $0.name == name }?.value }
        func number(_ name: String) -> Double? {
            value(name).flatMap(Double.init).flatMap { $0.isFinite && $0 >= 0 ? $0 : nil }
        }
        func untilDate() -> Double? {
            guard let until = value("retry-after").flatMap(HTTPDate.secondsSince1970),
                let now = value("date").flatMap(HTTPDate.secondsSince1970)
            else { return nil }
            return Double(max(0, until - now))
        }
        let milliseconds = number("retry-after-ms").map { $0 / 1_000 }
        return (milliseconds ?? number("retry-after") ?? untilDate()).map {
            .milliseconds(Int64(min($0, secondsMax) * 1_000))
        }
    }
}
