/// Finds the token that some bytes are: an open-addressed hash table that never changes.
///
/// Tokens of up to eight bytes, three in four, are compared as one word; longer ones by a word of
/// their hash and then byte for byte.
struct TokenTable: Sendable {
    /// What `rank` answers for bytes that are no token; above every rank.
    static let none = UInt32.max

    /// The most bytes of a token.
    let lengthMax: Int
    private let text: [UInt8]
    /// Where the token of each rank begins in `text`; one more for the end.
    private let starts: [UInt32]
    private let slots: [Slot]
    /// The rank of the token of any two bytes, the first the higher: where every merge begins.
    private let pairs: [UInt32]
    private let shift: UInt64

    /// Four to a cache line.
    private struct Slot {
        /// The bytes of a short token, or the hash of a long one.
        var word: UInt64 = 0
        var rank = TokenTable.none
        /// Zero in an empty slot.
        var length: UInt32 = 0
    }

    /// A table of tokens, ranked as they stand in `text`.
    ///
    /// - Parameter starts: where each begins, and the end of the last.
    init(text: [UInt8], starts: [UInt32]) {
        self.text = text
        self.starts = starts
        // Half full at most: most probes end at once.
        let bits = Int.bitWidth - (starts.count * 2).leadingZeroBitCount
        shift = UInt64(64 - bits)
        var slots = [Slot](repeating: Slot(), count: 1 << bits)
        var pairs = [UInt32](repeating: Self.none, count: 1 << 16)
        var lengthMax = 0
        for rank in 0..<(starts.count - 1) {
            let range = Int(starts[rank])..<Int(starts[rank + 1])
            lengthMax = max(lengthMax, range.count)
            if range.count == 2 { pairs[Self.pair(text, range.lowerBound)] = UInt32(rank) }
            let word = Self.word(text, range)
            var place = Int((word &* Self.spread(range.count)) &>> shift)
            while slots[place].length != 0 { place = (place + 1) & (slots.count - 1) }
            slots[place] = Slot(word: word, rank: UInt32(rank), length: UInt32(range.count))
        }
        self.slots = slots
        self.pairs = pairs
        self.lengthMax = lengthMax
    }

    /// The rank of the token that the bytes of a range are, or `none`.
    @inline(__always)
    func rank(_ bytes: [UInt8], _ range: Range<Int>) -> UInt32 {
        let length = range.count
        if length > lengthMax { return Self.none }
        let word = Self.word(bytes, range)
        var place = Int((word &* Self.spread(length)) &>> shift)
        while true {
            let slot = slots[place]
            if slot.word == word, slot.length == UInt32(length),
                length <= 8 || isToken(slot.rank, bytes, range)
            {
                return slot.rank
            }
            if slot.length == 0 { return Self.none }
            place = (place &+ 1) & (slots.count &- 1)
        }
    }

    /// The rank of the token that two bytes are, or `none`.
    @inline(__always)
    func rank(_ bytes: [UInt8], pairAt index: Int) -> UInt32 { pairs[Self.pair(bytes, index)] }

    @inline(__always)
    private static func pair(_ bytes: [UInt8], _ index: Int) -> Int {
        Int(bytes[index]) &<< 8 | Int(bytes[index &+ 1])
    }

    private func isToken(_ rank: UInt32, _ bytes: [UInt8], _ range: Range<Int>) -> Bool {
        let distance = Int(starts[Int(rank)]) &- range.lowerBound
        for index in range where text[distance &+ index] != bytes[index] { return false }
        return true
    }

    /// A multiplier that spreads words over the table; it differs by length, since the words of
    /// `a` and of `a\0` do not.
    @inline(__always)
    private static func spread(_ length: Int) -> UInt64 {
        0x9e37_79b9_7f4a_7c15 &+ UInt64(truncatingIfNeeded: length) &<< 32
    }

    /// Up to eight bytes as they are, or a hash of more.
    @inline(__always)
    private static func word(_ bytes: [UInt8], _ range: Range<Int>) -> UInt64 {
        let words = bytes.span.bytes
        let length = range.count
        if length <= 8 { return tail(words, range.lowerBound, length) }
        var hash: UInt64 = 0
        var index = range.lowerBound
        while index &+ 8 <= range.upperBound {
            let word = words.unsafeLoadUnaligned(fromByteOffset: index, as: UInt64.self)
            hash = mix(hash ^ UInt64(littleEndian: word))
            index &+= 8
        }
        return mix(hash ^ tail(words, index, range.upperBound &- index))
    }

    @inline(__always)
    private static func mix(_ word: UInt64) -> UInt64 {
        let (high, low) = word.multipliedFullWidth(by: 0xd6e8_feb8_6659_fd93)
        return high ^ low
    }

    /// Fewer than nine bytes as one word, the first the lowest.
    @inline(__always)
    private static func tail(_ words: RawSpan, _ start: Int, _ length: Int) -> UInt64 {
        if start &+ 8 <= words.byteCount {
            let word = words.unsafeLoadUnaligned(fromByteOffset: start, as: UInt64.self)
            let unused = UInt64(8 &- length) &* 8
            return unused == 64 ? 0 : (UInt64(littleEndian: word) &<< unused) &>> unused
        }
        var word: UInt64 = 0
        for offset in 0..<length {
            let byte = words.unsafeLoad(fromByteOffset: start &+ offset, as: UInt8.self)
            word |= UInt64(byte) &<< UInt64(offset &* 8)
        }
        return word
    }
}
