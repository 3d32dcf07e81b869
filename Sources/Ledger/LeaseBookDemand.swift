import Schema

/// How much of its lease an account uses: what to ask for next, and what lies idle.
///
/// *Asking.* The first acquire asks for exactly what its holds need. Each one that follows within
/// the growth interval doubles the slice that the next asks for at least, so that a busy account
/// soon asks about once a second; intervals without an acquire halve it. The slice is bounded by
/// a part of the free credit, so that it shrinks to exact holds while credit runs out.
///
/// *Giving back.* Three buckets remember the least that was available in each third of the idle
/// time. Their minimum was never needed, and goes back but for what the same time has spent.
struct LeaseBookDemand: Sendable {
    private struct Bucket {
        var availableMin: Pico
        var settled = Pico.zero
    }

    private var buckets: (Bucket, Bucket, Bucket)
    private var rotatedAt: ContinuousClock.Instant?
    private var acquiredAt: ContinuousClock.Instant?
    private(set) var slice = Pico.zero
    /// The largest recent hold, so that what is leased ahead is worth a round trip.
    private(set) var holdRecent = Pico.zero

    init() {
        let empty = Bucket(availableMin: .zero)
        buckets = (empty, empty, empty)
    }

    mutating func held(_ amount: Pico, leaving available: Pico) {
        holdRecent = max(holdRecent, amount)
        buckets.0.availableMin = min(buckets.0.availableMin, available)
    }

    mutating func settled(_ charge: Pico) {
        buckets.0.settled += charge
    }

    mutating func gaveBack(_ amount: Pico) {
        buckets.0.availableMin = (buckets.0.availableMin - amount).clampedToZero
        buckets.1.availableMin = (buckets.1.availableMin - amount).clampedToZero
        buckets.2.availableMin = (buckets.2.availableMin - amount).clampedToZero
    }

    /// Others are short of credit: nothing is leased ahead until acquires come close again.
    mutating func recalled() { slice = .zero }

    /// Counts an acquire that is about to be sent and needs so much.
    mutating func acquiring(
        _ need: Pico,
        at now: ContinuousClock.Instant,
        growthInterval: Duration
    ) {
        if let acquiredAt, now - acquiredAt < growthInterval {
            let doubled = Pico(max(slice, need).units * 2)
            slice = min(doubled, Pico.balanceMax)
        }
        acquiredAt = now
    }

    /// Begins a new bucket when the current one has its time.
    mutating func rotate(
        available: Pico,
        at now: ContinuousClock.Instant,
        idleAfter: Duration,
        growthInterval: Duration
    ) {
        if let rotatedAt, now - rotatedAt < idleAfter / 3 { return }
        rotatedAt = now
        buckets = (Bucket(availableMin: available), buckets.0, buckets.1)
        holdRecent = Pico(holdRecent.units / 2)
        if let acquiredAt, now - acquiredAt >= growthInterval {
            slice = Pico(slice.units / 2)
        }
    }

    /// What no hold has touched in the idle time, less what that time has spent: at most `keepMax`.
    func idle(available: Pico, keepMax: Pico) -> Pico {
        let untouched = min(
            min(available, buckets.0.availableMin),
            min(buckets.1.availableMin, buckets.2.availableMin)
        )
        let spent = buckets.0.settled + buckets.1.settled + buckets.2.settled
        return (untouched - min(spent, keepMax.clampedToZero)).clampedToZero
    }

    /// What to lease ahead of need when so much credit is free.
    func ahead(free: Pico, divisor: Int128) -> Pico {
        min(slice, Pico(free.units / divisor))
    }
}
