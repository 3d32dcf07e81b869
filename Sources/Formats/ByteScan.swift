/// Searches over bytes, sixteen at a time: where nearly all the time of a scan goes.
enum ByteScan {
    /// As many bytes as every processor of the architecture compares at once; signed, so that
    /// those above ASCII are below zero.
    private typealias Block = SIMD16<Int8>

    /// The first byte in `start..<end` that a JSON string cannot hold as it is: a quote, a
    /// backslash, a control, or the start of a multi-byte character; `end` when there is none.
    static func endOfPlainText(_ bytes: [UInt8], from start: Int, to end: Int) -> Int {
        first(bytes, from: start, to: end) { block in
            block .< all(0x20) .| block .== all(0x22) .| block .== all(0x5c)
        } where: { byte in
            byte >= 0x80 || byte < 0x20 || byte == UInt8(ascii: "\"") || byte == backslash
        }
    }

    /// The first line feed or carriage return in `start..<end`, or `end`.
    static func endOfLine(_ bytes: [UInt8], from start: Int, to end: Int) -> Int {
        first(bytes, from: start, to: end) { block in
            block .== all(0x0a) .| block .== all(0x0d)
        } where: { byte in
            byte == lineFeed || byte == carriageReturn
        }
    }

    /// The first byte above ASCII or backslash in `start..<end`, or `end`.
    static func endOfASCII(_ bytes: [UInt8], from start: Int, to end: Int) -> Int {
        first(bytes, from: start, to: end) { block in
            block .< all(0) .| block .== all(0x5c)
        } where: { byte in
            byte >= 0x80 || byte == backslash
        }
    }

    /// A block to compare with; comparisons with a lone byte are not compiled to vectors.
    @inline(__always)
    private static func all(_ byte: Int8) -> Block { Block(repeating: byte) }

    /// The first byte that answers to both forms of one predicate.
    @inline(__always)
    private static func first(
        _ bytes: [UInt8],
        from start: Int,
        to end: Int,
        matches: (Block) -> SIMDMask<Block>,
        where answers: (UInt8) -> Bool
    ) -> Int {
        var index = start
        let blocks = bytes.span.bytes
        while index &+ 16 <= end {
            let block = blocks.unsafeLoadUnaligned(fromByteOffset: index, as: Block.self)
            // A byte that answers has all of its bits set.
            let found = unsafeBitCast(matches(block), to: SIMD2<UInt64>.self)
            if found.x | found.y != 0 {
                let bits =
                    found.x != 0
                    ? found.x.trailingZeroBitCount : 64 &+ found.y.trailingZeroBitCount
                return index &+ bits / 8
            }
            index &+= 16
        }
        while index < end, !answers(bytes[index]) { index &+= 1 }
        return index
    }
}

let backslash = UInt8(ascii: "\\")
let lineFeed: UInt8 = 0x0a
let carriageReturn: UInt8 = 0x0d
