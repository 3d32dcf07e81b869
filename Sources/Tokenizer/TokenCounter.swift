/// Counts the tokens of text that comes in parts, in bounded memory.
///
/// The parts may end anywhere, inside a character too. A piece is counted as soon as no further
/// text could change it, so that the sum is that of the whole text, however it was cut.
package struct TokenCounter: Sendable {
    /// How much text waits until it is counted: a counter that is dropped before has cost a copy.
    package static let bufferBytesMax = 1 << 14

    private let vocabulary: Vocabulary
    private var buffer: [UInt8] = []
    /// Where counting begins: more than what waits after a piece that is still open.
    private var threshold = Self.bufferBytesMax
    private var counted: Int64 = 0

    package init(_ vocabulary: Vocabulary) {
        self.vocabulary = vocabulary
    }

    package mutating func append(_ text: some Collection<UInt8>) {
        buffer.append(contentsOf: text)
        if buffer.count >= threshold { settle() }
    }

    /// The tokens of all that was appended; the text ends here.
    package mutating func finish() -> Int64 {
        counted += vocabulary.count(buffer)
        buffer.removeAll(keepingCapacity: true)
        defer { counted = 0 }
        return counted
    }

    /// Counts the pieces that are closed.
    private mutating func settle() {
        var splitter = PieceSplitter(buffer, pattern: vocabulary.pattern)
        var merge = PairMerge()
        var open = buffer.count
        while let piece = splitter.next() {
            if splitter.isOpen {
                open = piece.lowerBound
                break
            }
            counted += vocabulary.count(buffer, piece, &merge)
        }
        // Lets go of the buffer, so that it is not copied.
        splitter = PieceSplitter([], pattern: vocabulary.pattern)
        buffer.removeSubrange(..<open)
        threshold = buffer.count + Self.bufferBytesMax
    }
}

extension Vocabulary {
    /// The tokens of a whole text.
    ///
    /// Text that is not UTF-8 is counted too, each stray byte as a symbol.
    package func count(_ text: [UInt8]) -> Int64 {
        var splitter = PieceSplitter(text, pattern: pattern)
        var merge = PairMerge()
        var total: Int64 = 0
        while let piece = splitter.next() { total += count(text, piece, &merge) }
        return total
    }

    @inline(__always)
    func count(_ text: [UInt8], _ piece: Range<Int>, _ merge: inout PairMerge) -> Int64 {
        if tokens.rank(text, piece) != TokenTable.none { return 1 }
        return Int64(merge.count(text, piece, tokens))
    }
}
