/// What was admitted in the last minute, in memory that does not grow.
///
/// Time is cut into slots of half a second. What is admitted in a slot counts until 60 seconds after
/// the slot's end, so the slots that count cover every minute that ends now, whole: no rolling
/// minute ever holds more than `sum` was allowed to be, and what is free again is so at most half a
/// second late, which is where 1 of 121 parts of a limit go.
package struct RateWindow: Sendable {
    package typealias Moment = ContinuousClock.Instant

    package static let length = Duration.seconds(60)
    package static let slotLength = Duration.milliseconds(500)
    /// Those of a minute, and the one under way.
    static let slotCount: Int64 = 121

    private struct Slot {
        var requests: Int64 = 0
        var tokens: Int64 = 0
    }

    private let origin: Moment
    private var slots = [Slot](repeating: Slot(), count: Int(slotCount))
    /// The slot under way, numbered from the origin.
    private(set) var current: Int64 = 0
    /// What counts now; `running` is none of its business.
    private(set) var sum = RateAmounts.zero

    package init(origin: Moment) {
        self.origin = origin
    }

    /// Lets go of what is over; time that runs backwards changes nothing.
    package mutating func advance(to now: Moment) {
        let slot = number(now)
        guard slot > current else { return }
        for passed in (current + 1)...min(slot, current + Self.slotCount) {
            let index = index(passed)
            sum.requests -= slots[index].requests
            sum.tokens -= slots[index].tokens
            slots[index] = Slot()
        }
        current = slot
    }

    /// Counts what is admitted now, as of the last `advance`, and says in which slot.
    package mutating func add(_ amounts: RateAmounts) -> Int64 {
        slots[index(current)].requests += amounts.requests
        slots[index(current)].tokens += amounts.tokens
        sum.requests += amounts.requests
        sum.tokens += amounts.tokens
        return current
    }

    /// Takes back what was counted too much in a slot, unless that is over already.
    package mutating func correct(_ amounts: RateAmounts, in slot: Int64) {
        guard current - slot < Self.slotCount else { return }
        slots[index(slot)].requests -= amounts.requests
        slots[index(slot)].tokens -= amounts.tokens
        sum.requests -= amounts.requests
        sum.tokens -= amounts.tokens
    }

    /// What was admitted in the last second or a little more.
    package var recent: RateAmounts {
        var recent = RateAmounts.zero
        for slot in max(current - 2, 0)...current {
            recent.requests += slots[index(slot)].requests
            recent.tokens += slots[index(slot)].tokens
        }
        return recent
    }

    /// How long until so much of what counts is over; nil where less counts.
    package func wait(for freed: RateAmounts, from now: Moment) -> Duration? {
        var rest = freed
        for slot in max(current - Self.slotCount + 1, 0)...current {
            rest.requests -= slots[index(slot)].requests
            rest.tokens -= slots[index(slot)].tokens
            if rest.requests <= 0, rest.tokens <= 0 { return end(of: slot, from: now) }
        }
        return nil
    }

    /// How long until nothing counts any more.
    package func waitUntilEmpty(from now: Moment) -> (requests: Duration, tokens: Duration) {
        var last: (requests: Int64?, tokens: Int64?) = (nil, nil)
        for slot in max(current - Self.slotCount + 1, 0)...current {
            if slots[index(slot)].requests > 0 { last.requests = slot }
            if slots[index(slot)].tokens > 0 { last.tokens = slot }
        }
        return (
            last.requests.map { end(of: $0, from: now) } ?? .zero,
            last.tokens.map { end(of: $0, from: now) } ?? .zero
        )
    }

    private func end(of slot: Int64, from now: Moment) -> Duration {
        max(origin + Self.slotLength * (slot + Self.slotCount) - now, .zero)
    }

    private func number(_ moment: Moment) -> Int64 {
        let (seconds, attoseconds) = (moment - origin).components
        return seconds * 2 + attoseconds / 500_000_000_000_000_000
    }

    private func index(_ slot: Int64) -> Int { Int(slot % Self.slotCount) }
}
