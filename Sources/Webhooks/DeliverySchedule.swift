import Schema

/// When a delivery that failed is tried again: after seconds, minutes, then every hour, for three
/// days from its first attempt.
package enum DeliverySchedule {
    /// Behind each try; the last one is repeated.
    private static let pauses: [Int64] = [5, 30, 120, 600, 1_800, 3_600]
    package static let secondsMax: Int64 = 3 * 86_400

    /// The instant of the next try; nil when it is given up.
    ///
    /// - Parameters:
    ///   - tries: those of this schedule, the one that has just failed included.
    ///   - wait: what the receiver asked for, in seconds; honoured up to an hour.
    package static func next(
        after tries: Int,
        beganAt: Instant,
        now: Instant,
        wait: Int64? = nil
    ) -> Instant? {
        let pause = pauses[min(max(tries, 1), pauses.count) - 1]
        let asked = min(max(wait ?? 0, 0), pauses[pauses.count - 1])
        let next = now.adding(seconds: max(pause, asked))
        return next <= beganAt.adding(seconds: secondsMax) ? next : nil
    }
}
