/// How long something took, counted into fixed buckets, as Prometheus reads them.
struct LatencyHistogram: Sendable {
    /// Upper bounds in milliseconds, each inclusive; what is longer has a bucket of its own.
    static let boundsMilliseconds: [Int64] = [
        1, 2, 5, 10, 25, 50, 100, 250, 500, 1_000, 2_500, 5_000, 10_000, 30_000, 60_000, 120_000,
        300_000, 600_000,
    ]

    /// One for each bound, and one for the rest.
    private(set) var counts = [Int64](repeating: 0, count: boundsMilliseconds.count + 1)
    private(set) var sumMilliseconds: Int64 = 0

    var count: Int64 { counts.reduce(0, +) }

    mutating func observe(milliseconds: Int64) {
        let bucket = Self.boundsMilliseconds.firstIndex { milliseconds <= $0 }
        counts[bucket ?? Self.boundsMilliseconds.count] += 1
        sumMilliseconds += milliseconds
    }

    mutating func add(_ other: LatencyHistogram) {
        for index in counts.indices { counts[index] += other.counts[index] }
        sumMilliseconds += other.sumMilliseconds
    }

    /// The bound in milliseconds that so many of a hundred do not exceed; nil when there is none,
    /// and beyond all bounds.
    func bound(percent: Int64) -> Int64? {
        let wanted = (count * percent + 99) / 100
        guard wanted > 0 else { return nil }
        var seen: Int64 = 0
        for (bound, count) in zip(Self.boundsMilliseconds, counts) {
            seen += count
            if seen >= wanted { return bound }
        }
        return nil
    }
}
