/// Counts the tokens of text that comes in parts, in bounded memory.
///
/// The parts may end anywhere, inside a character too. A piece is counted as soon as no further
/// text could change it, so that the sum is that of the whole text, however it was cut.
///
/// Appending only copies. Counting may take milliseconds, so when it happens is the caller's
/// choice: `settle` when the counter is full, and `finish` at the end.
package struct TokenCounter: Sendable {
    /// How much text waits until the counter is full.
    package static let bufferBytesMax = 1 << 14

    private let vocabulary: Vocabulary
    private var buffer: [UInt8] = []
    /// What of the buffer belongs to the last piece counted by `settle`, which is still open.
    private var openBytes = 0
    private var counted: Int64 = 0

    package init(_ vocabulary: Vocabulary) {
        self.vocabulary = vocabulary
    }

    /// Whether so much text waits that it is time to count it.
    package var isFull: Bool { buffer.count - openBytes >= Self.bufferBytesMax }

    package mutating func append(_ text: some Collection<UInt8>) {
        buffer.append(contentsOf: text)
    }

    /// Ends a text: what is appended next begins another, whose tokens are summed up too.
    package mutating func endText() {
        guard !buffer.isEmpty else { return }
        counted += vocabulary.count(buffer)
        buffer.removeAll(keepingCapacity: true)
        openBytes = 0
    }

    /// The tokens of all that was appended; the text ends here, and the counter begins anew.
    package mutating func finish() -> Int64 {
        endText()
        defer { counted = 0 }
        return counted
    }

    /// Counts the pieces that are closed.
    package mutating func settle() {
        var splitter = PieceSplitter(buffer, as: vocabulary.name)
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
        splitter = PieceSplitter([], as: vocabulary.name)
        buffer.removeSubrange(..<open)
        openBytes = buffer.count
    }
}

extension Vocabulary {
    /// The tokens of a whole text.
    ///
    /// Text that is not UTF-8 is counted too, each stray byte as a symbol.
    package func count(_ text: [UInt8]) -> Int64 {
        var splitter = PieceSplitter(text, as: name)
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
