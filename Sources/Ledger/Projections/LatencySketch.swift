import Schema

/// How latencies are distributed: a count for each of fixed buckets, so that sketches add up.
///
/// Below 16 ms each millisecond has a bucket of its own; from there eight buckets of equal width
/// share each power of two, up to 2²⁰ ms. A quantile is therefore at most a sixteenth off, and the
/// same whichever way the calls were added up. The database keeps a sketch as one number, whose
/// digits in base 10¹² are the counts, and adds sketches by adding numbers.
package struct LatencySketch: Hashable, Sendable {
    /// The decimal digits of a count.
    private static let digitCount = 12

    /// Where the buckets begin but for the first, in milliseconds; the last one has no end.
    package static let bounds: [Int64] =
        Array(1...15)
        + (4..<20).flatMap { exponent -> [Int64] in
            (8..<16).map { eighth in eighth << (exponent - 3) }
        } + [1 << 20]

    /// The counts from the first bucket on, without the empty ones at the end.
    package private(set) var counts: [Int64] = []

    package init() {}

    /// Reads the database's number, written in decimal; nil for text that is none.
    package init?(decimal: String) {
        var rest = Substring(decimal)
        while !rest.isEmpty {
            guard let count = Int64(rest.suffix(Self.digitCount)), count >= 0 else { return nil }
            counts.append(count)
            rest = rest.dropLast(Self.digitCount)
        }
        trim()
    }

    /// The bucket that a latency belongs to.
    package static func bucket(of milliseconds: Int64) -> Int {
        var (low, high) = (0, bounds.count)
        while low < high {
            let middle = (low + high) / 2
            if bounds[middle] <= milliseconds { low = middle + 1 } else { high = middle }
        }
        return low
    }

    package mutating func add(_ milliseconds: Int64) {
        let bucket = Self.bucket(of: milliseconds)
        while counts.count <= bucket { counts.append(0) }
        counts[bucket] += 1
    }

    package static func += (left: inout Self, right: Self) {
        while left.counts.count < right.counts.count { left.counts.append(0) }
        for (bucket, count) in right.counts.enumerated() { left.counts[bucket] += count }
    }

    package var callCount: Int64 { counts.reduce(0, +) }

    /// The latency that so many of a hundred calls did not exceed, in milliseconds; nil without
    /// calls.
    ///
    /// - Parameter percent: from 1 to 100.
    package func percentile(_ percent: Int64) -> Int64? {
        let rank = max(1, (callCount * percent + 99) / 100)
        var seen: Int64 = 0
        for (bucket, count) in counts.enumerated() {
            seen += count
            if seen >= rank { return Self.middle(of: bucket) }
        }
        return nil
    }

    private static func middle(of bucket: Int) -> Int64 {
        guard bucket > 0 else { return 0 }
        let start = bounds[bucket - 1]
        let end = bucket < bounds.count ? bounds[bucket] : start + 1
        return (start + end - 1) / 2
    }

    private mutating func trim() {
        while counts.last == 0 { counts.removeLast() }
    }
}
