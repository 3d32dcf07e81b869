/// A point in time in nanoseconds since a loop was made: what its timers count in.
///
/// A plain number, because thousands of deadlines are kept and compared per second, and an
/// `Instant` of the standard library is opaque to the compiler.
package struct LoopTime: Hashable, Comparable, Sendable {
    package let nanoseconds: Int64

    package init(nanoseconds: Int64) {
        self.nanoseconds = nanoseconds
    }

    package static func < (left: LoopTime, right: LoopTime) -> Bool {
        left.nanoseconds < right.nanoseconds
    }

    /// Saturates at the end of time, some 292 years away.
    package static func + (time: LoopTime, delay: Duration) -> LoopTime {
        let (seconds, attoseconds) = delay.components
        guard seconds < 1 << 33 else { return LoopTime(nanoseconds: .max) }
        guard seconds > -(1 << 33) else { return LoopTime(nanoseconds: .min) }
        let nanoseconds = seconds * 1_000_000_000 + attoseconds / 1_000_000_000
        let (sum, isOver) = time.nanoseconds.addingReportingOverflow(nanoseconds)
        return LoopTime(nanoseconds: isOver ? .max : sum)
    }

    /// What lies between two times of one loop, both since it was made.
    package static func - (left: LoopTime, right: LoopTime) -> Duration {
        .nanoseconds(left.nanoseconds - right.nanoseconds)
    }

    /// How long the poller must wait: rounded up, or it would wake just before the deadline in
    /// vain; at most a day.
    func milliseconds(until deadline: LoopTime) -> Int32 {
        guard deadline > self else { return 0 }
        let (rest, isOver) = deadline.nanoseconds.subtractingReportingOverflow(nanoseconds)
        guard !isOver, rest < 86_400_000_000_000 else { return 86_400_000 }
        return Int32((rest + 999_999) / 1_000_000)
    }
}
