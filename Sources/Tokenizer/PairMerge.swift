/// Counts the tokens of one piece that is no token itself.
///
/// Byte-pair encoding: the piece begins as its bytes; of all neighbours that together are a token,
/// the pair of the lowest rank is joined, the leftmost first, until none is left. The pairs of
/// short pieces are searched in full each time; those of long ones stand in a heap, so that no
/// text is worse than n·log n.
struct PairMerge {
    private static let searchedLengthMax = 96

    /// By the first byte of each part: the rank of it and the next part together.
    private var pairs: [UInt32] = []
    /// By the first byte of each part: where the next part begins.
    private var nexts: [Int32] = []
    /// By the first byte of each part: where the part before begins; -1 for the first.
    private var previous: [Int32] = []
    private var heap = MinimumHeap()

    init() {}

    mutating func count(_ bytes: [UInt8], _ piece: Range<Int>, _ tokens: TokenTable) -> Int {
        reset(bytes, piece, tokens)
        return piece.count <= Self.searchedLengthMax
            ? search(bytes, piece, tokens) : drain(bytes, piece, tokens)
    }

    /// Every byte a part of its own.
    private mutating func reset(_ bytes: [UInt8], _ piece: Range<Int>, _ tokens: TokenTable) {
        let length = piece.count
        if pairs.count < length {
            let grown = max(length, 2 * pairs.count)
            pairs = [UInt32](repeating: TokenTable.none, count: grown)
            nexts = [Int32](repeating: 0, count: grown)
            previous = nexts
        }
        for index in 0..<length {
            nexts[index] = Int32(truncatingIfNeeded: index &+ 1)
            previous[index] = Int32(truncatingIfNeeded: index &- 1)
            pairs[index] =
                index &+ 1 < length
                ? tokens.rank(bytes, pairAt: piece.lowerBound &+ index) : TokenTable.none
        }
    }

    private mutating func search(
        _ bytes: [UInt8],
        _ piece: Range<Int>,
        _ tokens: TokenTable
    ) -> Int {
        var count = piece.count
        while true {
            var lowest = TokenTable.none
            for index in 0..<piece.count { lowest = min(lowest, pairs[index]) }
            if lowest == TokenTable.none { return count }
            var place = 0
            while pairs[place] != lowest { place &+= 1 }
            join(place, bytes, piece, tokens)
            count &-= 1
        }
    }

    private mutating func drain(
        _ bytes: [UInt8],
        _ piece: Range<Int>,
        _ tokens: TokenTable
    ) -> Int {
        var count = piece.count
        heap.fill((0..<piece.count).lazy.compactMap { [pairs] in Self.entry($0, pairs[$0]) })
        while let entry = heap.pop() {
            let place = Int(entry & 0xffff_ffff)
            // The pair may have become another, or none.
            guard pairs[place] == UInt32(entry &>> 32) else { continue }
            let before = join(place, bytes, piece, tokens)
            count &-= 1
            for place in [before, place] where place >= 0 {
                if let entry = Self.entry(place, pairs[place]) { heap.push(entry) }
            }
        }
        return count
    }

    private static func entry(_ place: Int, _ rank: UInt32) -> UInt64? {
        rank == TokenTable.none ? nil : UInt64(rank) &<< 32 | UInt64(place)
    }

    /// Joins a part to the next, and gives the part before it, -1 for none.
    @discardableResult
    private mutating func join(
        _ place: Int,
        _ bytes: [UInt8],
        _ piece: Range<Int>,
        _ tokens: TokenTable
    ) -> Int {
        let joined = Int(nexts[place])
        let next = Int(nexts[joined])
        nexts[place] = Int32(truncatingIfNeeded: next)
        pairs[joined] = TokenTable.none
        if next < piece.count { previous[next] = Int32(truncatingIfNeeded: place) }
        rank(place, bytes, piece, tokens)
        let before = Int(previous[place])
        if before >= 0 { rank(before, bytes, piece, tokens) }
        return before
    }

    /// Finds anew what a part and the next are together.
    @inline(__always)
    private mutating func rank(
        _ place: Int,
        _ bytes: [UInt8],
        _ piece: Range<Int>,
        _ tokens: TokenTable
    ) {
        let next = Int(nexts[place])
        guard next < piece.count else { return pairs[place] = TokenTable.none }
        let end = Int(nexts[next])
        pairs[place] = tokens.rank(
            bytes,
            (piece.lowerBound &+ place)..<(piece.lowerBound &+ end)
        )
    }
}

/// A binary heap, the least on top.
struct MinimumHeap {
    private var entries: [UInt64] = []

    mutating func fill(_ unordered: some Sequence<UInt64>) {
        entries.removeAll(keepingCapacity: true)
        entries.append(contentsOf: unordered)
        // An ordered array is a heap.
        entries.sort()
    }

    mutating func push(_ entry: UInt64) {
        var place = entries.count
        entries.append(entry)
        while place > 0 {
            let parent = (place &- 1) / 2
            if entries[parent] <= entry { break }
            entries[place] = entries[parent]
            place = parent
        }
        entries[place] = entry
    }

    mutating func pop() -> UInt64? {
        guard let least = entries.first, let last = entries.popLast() else { return nil }
        if entries.isEmpty { return least }
        var place = 0
        while true {
            var child = 2 &* place &+ 1
            if child >= entries.count { break }
            if child &+ 1 < entries.count, entries[child &+ 1] < entries[child] { child &+= 1 }
            if last <= entries[child] { break }
            entries[place] = entries[child]
            place = child
        }
        entries[place] = last
        return least
    }
}
