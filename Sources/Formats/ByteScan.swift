/// Searches over bytes, eight at a time: where nearly all the time of a scan goes.
enum ByteScan {
    private static let ones: UInt64 = 0x0101_0101_0101_0101
    private static let highBits: UInt64 = 0x8080_8080_8080_8080

    /// The first byte in `start..<end` that a JSON string cannot hold as it is: a quote, a
    /// backslash, a control, or the start of a multi-byte character; `end` when there is none.
    static func endOfPlainText(_ bytes: [UInt8], from start: Int, to end: Int) -> Int {
        first(bytes, from: start, to: end) { word in
            word | below(word, 0x20) | equal(word, UInt8(ascii: "\"")) | equal(word, backslash)
        } where: { byte in
            byte >= 0x80 || byte < 0x20 || byte == UInt8(ascii: "\"") || byte == backslash
        }
    }

    /// The first line feed or carriage return in `start..<end`, or `end`.
    static func endOfLine(_ bytes: [UInt8], from start: Int, to end: Int) -> Int {
        first(bytes, from: start, to: end) { word in
            equal(word, lineFeed) | equal(word, carriageReturn)
        } where: { byte in
            byte == lineFeed || byte == carriageReturn
        }
    }

    /// The first byte above ASCII or backslash in `start..<end`, or `end`.
    static func endOfASCII(_ bytes: [UInt8], from start: Int, to end: Int) -> Int {
        first(bytes, from: start, to: end) { word in
            word | equal(word, backslash)
        } where: { byte in
            byte >= 0x80 || byte == backslash
        }
    }

    /// The first byte that answers to both forms of one predicate.
    ///
    /// `flags` sets the high bit of each byte of a word that answers. It may also flag bytes
    /// above (later than) a true one, never below: the borrow of the subtractions runs upwards.
    @inline(__always)
    private static func first(
        _ bytes: [UInt8],
        from start: Int,
        to end: Int,
        flags: (UInt64) -> UInt64,
        where answers: (UInt8) -> Bool
    ) -> Int {
        var index = start
        let words = bytes.span.bytes
        while index &+ 8 <= end {
            let word = words.unsafeLoadUnaligned(fromByteOffset: index, as: UInt64.self)
            let found = flags(UInt64(littleEndian: word)) & highBits
            if found != 0 { return index &+ found.trailingZeroBitCount / 8 }
            index &+= 8
        }
        while index < end, !answers(bytes[index]) { index &+= 1 }
        return index
    }

    /// High bits of the bytes below `limit`, which is at most 0x80.
    @inline(__always)
    private static func below(_ word: UInt64, _ limit: UInt8) -> UInt64 {
        (word &- ones &* UInt64(limit)) & ~word
    }

    /// High bits of the bytes equal to `byte`, which is ASCII.
    @inline(__always)
    private static func equal(_ word: UInt64, _ byte: UInt8) -> UInt64 {
        below(word ^ (ones &* UInt64(byte)), 1)
    }
}

let backslash = UInt8(ascii: "\\")
let lineFeed: UInt8 = 0x0a
let carriageReturn: UInt8 = 0x0d
