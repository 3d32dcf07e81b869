/// What the splitting patterns ask of a character: one bit each, exactly one bit a character.
///
/// `\p{L}` is upper, lower and letter; `\s` is newline and space; what has no other bit is symbol.
enum CharacterClass {
    /// `\p{Lu}` and `\p{Lt}`.
    static let upper: UInt8 = 1
    /// `\p{Ll}`.
    static let lower: UInt8 = 2
    /// `\p{Lm}` and `\p{Lo}`, which have no case.
    static let letter: UInt8 = 4
    /// `\p{M}`.
    static let mark: UInt8 = 8
    /// `\p{N}`.
    static let number: UInt8 = 16
    /// `[\r\n]`.
    static let newline: UInt8 = 32
    /// The rest of `\s`.
    static let space: UInt8 = 64
    static let symbol: UInt8 = 128

    static let anyLetter = upper | lower | letter
    static let anySpace = newline | space
}

/// The class of every character, as a table of blocks that many characters share.
///
/// The classes are those of Unicode 16, as in the tokenizers that providers and tiktoken use:
/// what later versions assign is a symbol here. So counts do not depend on the toolchain.
struct CharacterClasses: Sendable {
    static let current = CharacterClasses()

    /// Where the block of each 256 characters begins; the first block begins at 0, so an ASCII
    /// byte is its own index.
    private let starts: [UInt16]
    private let blocks: [UInt8]

    private init() {
        let unassigned = [UInt8](repeating: CharacterClass.symbol, count: 256)
        var places: [[UInt8]: Int] = [:]
        var starts: [UInt16] = []
        var blocks: [UInt8] = []
        for high in UInt32(0)..<0x1100 {
            let block = Self.isAssigned(plane: high >> 8) ? Self.block(high) : unassigned
            let place = places[block] ?? blocks.count
            if place == blocks.count {
                places[block] = place
                blocks += block
            }
            // There are about a hundred and forty different ones.
            starts.append(UInt16(place / 256))
        }
        self.starts = starts
        self.blocks = blocks
    }

    @inline(__always)
    subscript(ascii byte: UInt8) -> UInt8 { blocks[Int(byte)] }

    @inline(__always)
    subscript(scalar: UInt32) -> UInt8 {
        blocks[Int(starts[Int(scalar &>> 8)]) &<< 8 | Int(scalar & 0xff)]
    }

    /// Planes 4 to 13 are empty, 15 and 16 for private use: nothing but symbols.
    private static func isAssigned(plane: UInt32) -> Bool { plane < 4 || plane == 14 }

    private static func block(_ high: UInt32) -> [UInt8] {
        (0..<256).map { low in Unicode.Scalar(high << 8 | low).map(of) ?? CharacterClass.symbol }
    }

    private static func of(_ scalar: Unicode.Scalar) -> UInt8 {
        if scalar == "\r" || scalar == "\n" { return CharacterClass.newline }
        // A small letter until Unicode 17 took its case away.
        if scalar == "\u{295}" { return CharacterClass.lower }
        let properties = scalar.properties
        let found: UInt8
        switch properties.generalCategory {
        case .uppercaseLetter, .titlecaseLetter: found = CharacterClass.upper
        case .lowercaseLetter: found = CharacterClass.lower
        case .modifierLetter, .otherLetter: found = CharacterClass.letter
        case .nonspacingMark, .spacingMark, .enclosingMark: found = CharacterClass.mark
        case .decimalNumber, .letterNumber, .otherNumber: found = CharacterClass.number
        default: return properties.isWhitespace ? CharacterClass.space : CharacterClass.symbol
        }
        guard let age = properties.age, age.major <= 16 else { return CharacterClass.symbol }
        return found
    }
}
