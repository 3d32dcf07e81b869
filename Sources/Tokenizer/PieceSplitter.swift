/// Cuts text into pieces as the regular expression of a vocabulary would.
///
/// The expressions are lists of alternatives, tried in order where the last piece ended; together
/// they match any character. Here they are written out by hand: what a regular expression finds by
/// backtracking is where a run of characters ends, or the last character of a kind in it. Each
/// stands above the code that follows it.
struct PieceSplitter {
    /// The most bytes of a piece.
    ///
    /// A longer one, which no language writes, is cut here as if the text ended: that bounds memory
    /// and time, and costs a token or two for each cut.
    static let pieceBytesMax = 1 << 16

    let bytes: [UInt8]
    private let vocabulary: VocabularyName
    private let classes = CharacterClasses.current
    /// Where the next piece begins.
    private(set) var start = 0
    /// The end of what may belong to the piece: that of the text, or the piece's utmost.
    private var limit = 0
    /// Whether text after the last byte could have changed the last piece.
    private(set) var isOpen = false

    init(_ bytes: [UInt8], as vocabulary: VocabularyName) {
        self.bytes = bytes
        self.vocabulary = vocabulary
    }

    /// The next piece; nil at the end of the text.
    @inline(__always)
    mutating func next() -> Range<Int>? {
        guard start < bytes.count else { return nil }
        limit = bytes.count
        if limit &- start > Self.pieceBytesMax { limit = border(start &+ Self.pieceBytesMax) }
        isOpen = false
        let piece = start..<(vocabulary == .o200k ? endO200k() : endCL100k())
        start = piece.upperBound
        if limit < bytes.count { isOpen = false }
        return piece
    }

    /// The last border between characters at or before `index`.
    private func border(_ index: Int) -> Int {
        var border = index
        while border > index &- 3, bytes[border] & 0xc0 == 0x80 { border &-= 1 }
        return border
    }
}

// MARK: o200k

extension PieceSplitter {
    /// ```
    /// [^\r\n\p{L}\p{N}]?[\p{Lu}\p{Lt}\p{Lm}\p{Lo}\p{M}]*[\p{Ll}\p{Lm}\p{Lo}\p{M}]+(?i:'s|…)?
    /// [^\r\n\p{L}\p{N}]?[\p{Lu}\p{Lt}\p{Lm}\p{Lo}\p{M}]+[\p{Ll}\p{Lm}\p{Lo}\p{M}]*(?i:'s|…)?
    /// \p{N}{1,3}
    ///  ?[^\s\p{L}\p{N}]+[\r\n/]*
    /// \s*[\r\n]+
    /// \s+(?!\S)
    /// \s+
    /// ```
    private mutating func endO200k() -> Int {
        let first = character(at: start)
        if first.class & CharacterClass.anyLetter != 0 {
            return endOfContraction(at: endOfWord(at: start) ?? endOfCapitals(at: start))
        }
        if first.class == CharacterClass.number { return endOfDigits(after: first.end) }
        if first.class != CharacterClass.newline {
            // The first alternative is tried to its end before the second: a mark that could lead
            // is a word of its own rather than the head of capitals.
            if let end = endOfWord(at: first.end) { return endOfContraction(at: end) }
            if first.class == CharacterClass.mark, let end = endOfWord(at: start) {
                return endOfContraction(at: end)
            }
            let end = endOfCapitals(at: first.end)
            if end > first.end { return endOfContraction(at: end) }
        }
        if let end = endOfSymbols(after: first) {
            return endOfRun(from: end) { byte in
                byte == carriageReturn || byte == lineFeed || byte == UInt8(ascii: "/")
            }
        }
        return endOfSpace(atTextEnd: false)
    }

    /// Capitals and then small letters, at least one of these; letters without a case and marks
    /// are either.
    @inline(__always)
    private mutating func endOfWord(at index: Int) -> Int? {
        let caseless = CharacterClass.letter | CharacterClass.mark
        var end = index
        var endOfCaseless: Int?
        var next = character(at: end)
        while next.class & (CharacterClass.upper | caseless) != 0 {
            end = next.end
            if next.class & caseless != 0 { endOfCaseless = end }
            next = character(at: end)
        }
        guard next.class == CharacterClass.lower else { return endOfCaseless }
        repeat {
            end = next.end
            next = character(at: end)
        } while next.class & (CharacterClass.lower | caseless) != 0
        return end
    }

    /// Capitals; what could follow them in a word is not there, or it would have been one.
    private mutating func endOfCapitals(at index: Int) -> Int {
        endOfRun(of: CharacterClass.upper, from: index)
    }

    /// Behind `'s` and its like where one stands at `index`.
    @inline(__always)
    private mutating func endOfContraction(at index: Int) -> Int {
        guard index < limit else {
            isOpen = true
            return index
        }
        guard bytes[index] == apostrophe else { return index }
        return contraction(after: index &+ 1) ?? index
    }
}

// MARK: cl100k

extension PieceSplitter {
    /// ```
    /// '(?i:[sdmt]|ll|ve|re)
    /// [^\r\n\p{L}\p{N}]?+\p{L}++
    /// \p{N}{1,3}+
    ///  ?[^\s\p{L}\p{N}]++[\r\n]*+
    /// \s++$
    /// \s*[\r\n]
    /// \s+(?!\S)
    /// \s
    /// ```
    private mutating func endCL100k() -> Int {
        let first = character(at: start)
        if first.class & CharacterClass.anyLetter != 0 {
            return endOfRun(of: CharacterClass.anyLetter, from: first.end)
        }
        if first.class == CharacterClass.number { return endOfDigits(after: first.end) }
        if first.class != CharacterClass.newline {
            if bytes[start] == apostrophe, let end = contraction(after: first.end) { return end }
            let end = endOfRun(of: CharacterClass.anyLetter, from: first.end)
            if end > first.end { return end }
        }
        if let end = endOfSymbols(after: first) {
            return endOfRun(of: CharacterClass.newline, from: end)
        }
        return endOfSpace(atTextEnd: true)
    }
}

// MARK: What both have

extension PieceSplitter {
    /// Up to three digits, of which the first ends at `index`.
    private mutating func endOfDigits(after index: Int) -> Int {
        let second = character(at: index)
        guard second.class == CharacterClass.number else { return index }
        let third = character(at: second.end)
        return third.class == CharacterClass.number ? third.end : second.end
    }

    /// Symbols and marks, a blank before them included; nil when there are none.
    @inline(__always)
    private mutating func endOfSymbols(after first: Character) -> Int? {
        let symbols = CharacterClass.symbol | CharacterClass.mark
        if first.class & symbols != 0 { return endOfRun(of: symbols, from: first.end) }
        guard bytes[start] == UInt8(ascii: " ") else { return nil }
        let end = endOfRun(of: symbols, from: first.end)
        return end > first.end ? end : nil
    }

    /// White space: through its last line break, else but for its last character when text
    /// follows, which then leads that text.
    ///
    /// - Parameter atTextEnd: whether all of it is one piece where the text ends.
    private mutating func endOfSpace(atTextEnd: Bool) -> Int {
        var end = start
        var last = start
        var endOfNewline: Int?
        var next = character(at: end)
        while next.class & CharacterClass.anySpace != 0 {
            last = end
            end = next.end
            if next.class == CharacterClass.newline { endOfNewline = end }
            next = character(at: end)
        }
        let isWhole = end == limit
        if isWhole, atTextEnd { return end }
        if let endOfNewline { return endOfNewline }
        return isWhole || last == start ? end : last
    }

    /// Behind what may follow an apostrophe in a contraction; nil when it is none.
    ///
    /// Case is ignored as Unicode folds it: ſ, the long s, is an s.
    private mutating func contraction(after index: Int) -> Int? {
        guard let first = letter(at: index) else { return nil }
        switch first {
        case UInt8(ascii: "s"), UInt8(ascii: "d"), UInt8(ascii: "m"), UInt8(ascii: "t"):
            return index &+ 1
        case UInt8(ascii: "l"):
            return letter(at: index &+ 1) == UInt8(ascii: "l") ? index &+ 2 : nil
        case UInt8(ascii: "v"), UInt8(ascii: "r"):
            return letter(at: index &+ 1) == UInt8(ascii: "e") ? index &+ 2 : nil
        case 0xc5 | 0x20:
            guard index &+ 1 < limit else {
                isOpen = true
                return nil
            }
            return bytes[index] == 0xc5 && bytes[index &+ 1] == 0xbf ? index &+ 2 : nil
        default:
            return nil
        }
    }

    /// The byte at `index` as a small letter; nil at the limit.
    private mutating func letter(at index: Int) -> UInt8? {
        guard index < limit else {
            isOpen = true
            return nil
        }
        return bytes[index] | 0x20
    }
}

// MARK: Characters

extension PieceSplitter {
    /// A character's class, and where it ends; at the limit a class of no bit.
    typealias Character = (class: UInt8, end: Int)

    @inline(__always)
    private mutating func endOfRun(of mask: UInt8, from index: Int) -> Int {
        var end = index
        var next = character(at: end)
        while next.class & mask != 0 {
            end = next.end
            next = character(at: end)
        }
        return end
    }

    private mutating func endOfRun(from index: Int, of isMember: (UInt8) -> Bool) -> Int {
        var end = index
        while end < limit, isMember(bytes[end]) { end &+= 1 }
        if end == limit { isOpen = true }
        return end
    }

    @inline(__always)
    private mutating func character(at index: Int) -> Character {
        guard index < limit else {
            isOpen = true
            return (0, index)
        }
        let byte = bytes[index]
        return byte < 0x80 ? (classes[ascii: byte], index &+ 1) : wideCharacter(byte, at: index)
    }

    /// A character of several bytes.
    ///
    /// What is not UTF-8, and what the limit cuts, is a symbol for each byte.
    private mutating func wideCharacter(_ first: UInt8, at index: Int) -> Character {
        let length = first >= 0xf0 ? 4 : first >= 0xe0 ? 3 : 2
        guard first >= 0xc2, first < 0xf5 else { return (CharacterClass.symbol, index &+ 1) }
        guard index &+ length <= limit else {
            isOpen = true
            return (CharacterClass.symbol, index &+ 1)
        }
        var scalar = UInt32(first) & (0x7f &>> UInt32(length))
        for offset in 1..<length {
            let byte = bytes[index &+ offset]
            guard byte & 0xc0 == 0x80 else { return (CharacterClass.symbol, index &+ 1) }
            scalar = scalar &<< 6 | UInt32(byte & 0x3f)
        }
        guard scalar <= 0x10ffff else { return (CharacterClass.symbol, index &+ 1) }
        return (classes[scalar], index &+ length)
    }
}

private let apostrophe = UInt8(ascii: "'")
private let lineFeed: UInt8 = 0x0a
private let carriageReturn: UInt8 = 0x0d
