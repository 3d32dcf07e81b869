import Tokenizer

/// Takes up the text that a model writes, as it is read from its answer, to count its tokens.
///
/// Without a vocabulary it takes up nothing.
struct WrittenText: Sendable {
    private var counter: TokenCounter?
    /// What the last text belonged to: a choice, and the field that it stood in.
    private var strand = 0

    init(_ vocabulary: Vocabulary?) {
        counter = vocabulary.map(TokenCounter.init)
    }

    var isFull: Bool { counter?.isFull ?? false }

    mutating func settle() { counter?.settle() }

    /// The tokens of all text, once; nil when they are not counted.
    mutating func tokens() -> Int64? { counter?.finish() }

    /// Gives up counting: what came was not all readable.
    mutating func giveUp() { counter = nil }

    /// Takes up the content of a valid JSON string.
    ///
    /// Text goes on as long as its strand is the same; that of another is a text of its own.
    mutating func append(_ bytes: [UInt8], _ content: Range<Int>, isPlain: Bool, strand: Int) {
        if counter == nil || content.isEmpty { return }
        if strand != self.strand {
            counter?.endText()
            self.strand = strand
        }
        if isPlain {
            counter?.append(bytes[content])
        } else {
            counter?.append(unescaped(bytes, content))
        }
    }
}

extension JSONScanner {
    /// Takes up all strings in the next value, but for those of the fields skipped.
    ///
    /// - Parameter strand: tells apart what is written side by side: choices of an answer.
    /// - Returns: their length in bytes, decoded.
    mutating func writtenText(
        _ text: inout WrittenText,
        strand: Int = 0,
        skipping isSkipped: (JSONName) -> Bool
    ) throws(JSONScanError) -> Int64 {
        var length: Int64 = 0
        switch try peek() {
        case UInt8(ascii: "\""):
            let (range, isPlain) = try string()
            length = isPlain ? Int64(range.count) : decodedLength(of: range)
            text.append(bytes, range, isPlain: isPlain, strand: strand)
        case UInt8(ascii: "{"):
            try fields { scanner, name throws(JSONScanError) in
                if isSkipped(name) { return }
                length += try scanner.writtenText(
                    &text,
                    strand: strand << 8 ^ name.range.count << 4 ^ name.firstByte,
                    skipping: isSkipped
                )
            }
        case UInt8(ascii: "["):
            try elements { scanner throws(JSONScanError) in
                length += try scanner.writtenText(&text, strand: strand, skipping: isSkipped)
            }
        default:
            try value()
        }
        return length
    }
}

extension JSONName {
    fileprivate var firstByte: Int { range.isEmpty ? 0 : Int(bytes[range.lowerBound]) }
}
