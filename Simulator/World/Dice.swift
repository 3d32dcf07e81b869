import LedgerModel

/// Every choice of a seed, drawn in the order of its steps.
struct Dice {
    private var generator: SeededGenerator

    init(seed: UInt64) {
        generator = SeededGenerator(seed: seed)
    }

    mutating func word() -> UInt64 { generator.next() }

    /// A number within bounds, both included.
    mutating func number(_ bounds: ClosedRange<Int>) -> Int {
        let count = UInt64(bounds.upperBound - bounds.lowerBound) + 1
        // The bias of the remainder is of no consequence for counts this small.
        return bounds.lowerBound + Int(generator.next() % count)
    }

    mutating func chance(_ percent: Int) -> Bool { generator.next() % 100 < UInt64(percent) }

    /// A moment within the next so many microseconds, never this one.
    mutating func delay(upTo most: Int64) -> Int64 {
        1 + Int64(generator.next() % UInt64(max(most, 1)))
    }
}
