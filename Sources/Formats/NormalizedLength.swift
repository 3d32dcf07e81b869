/// How much longer text can become when a tokenizer normalizes it before it cuts it.
///
/// A byte-level tokenizer makes at most one token of a byte, but some normalize first. The one
/// that Anthropic published applies NFKC, where U+FDFA, 3 bytes, becomes 33; newer ones are not
/// published. So the bound for Anthropic counts the bytes that the text has *after* the
/// worst normalization:
///
/// - NFKC is NFKD, which works character by character, followed by composition. Composition never
///   lengthens UTF-8: no composed character is longer than its decomposition. So NFKC of a text
///   is at most the sum of the NFKD lengths of its characters. (The NFKC lengths of characters
///   would not do: é followed by a dot below grows in NFKC, though neither does alone.)
/// - Hangul syllables triple under NFKD, but their letters are all starters and stand together,
///   so composition always restores them: they count as they are.
/// - ASCII is its own normal form, so quotes, braces and base64 count as they are.
///
/// The table gives the most bytes that a character of each range gains. A test holds it against
/// Unicode's own data for every character.
enum NormalizedLength {
    private static let gains: [(end: UInt32, bytes: Int64)] = [
        (0x80, 0),
        (0x300, 3),  // Latin: ¼, letters with two marks
        (0x400, 4),  // Greek
        (0x800, 2),  // Cyrillic, Arabic
        (0xc80, 3),  // Devanagari and its neighbours
        (0xe00, 6),
        (0xf40, 3),  // Thai
        (0xf80, 6),  // Tibetan
        (0x1f00, 3),
        (0x2000, 5),  // Greek with several marks
        (0x3000, 9),  // primes and integrals by the three and four
        (0x3200, 3),  // kana
        (0x3400, 15),  // squared words
        (0xf900, 0),  // ideographs, Hangul, private use
        (0xfdc0, 3),  // Arabic presentation forms
        (0xfe00, 30),  // Arabic ligatures, U+FDFA among them
        (0x10000, 3),
        (0x1d200, 8),  // musical symbols
        (0x1f100, 0),
        (0x1f300, 5),  // enclosed letters and ideographs
        (0x110000, 0),  // emoji, rare ideographs
    ]

    /// The most bytes that one character gains.
    static func gain(of scalar: UInt32) -> Int64 {
        var low = 0
        var high = gains.count - 1
        while low < high {
            let middle = (low + high) / 2
            if scalar < gains[middle].end { high = middle } else { low = middle + 1 }
        }
        return gains[low].bytes
    }

    /// The most bytes that all text in a valid JSON document gains, escapes included.
    ///
    /// An escape counts its character's gain on top of its own six bytes. Of a surrogate pair,
    /// each half counts as the largest gain beyond the basic plane.
    static func gain(ofJSON bytes: [UInt8]) -> Int64 {
        var total: Int64 = 0
        var index = 0
        while true {
            index = ByteScan.endOfASCII(bytes, from: index, to: bytes.count)
            guard index < bytes.count else { return total }
            let byte = bytes[index]
            switch byte {
            case backslash where bytes[index + 1] == UInt8(ascii: "u"):
                let unit = UInt32(hexadecimal(bytes, at: index + 2) ?? 0)
                total += (0xd800..<0xe000).contains(unit) ? 8 : gain(of: unit)
                index += 6
            case backslash:
                index += 2
            case ..<0xe0:
                total += gain(of: UInt32(byte & 0x1f) << 6 | low(bytes[index + 1]))
                index += 2
            case ..<0xf0:
                let high = UInt32(byte & 0x0f) << 12 | low(bytes[index + 1]) << 6
                total += gain(of: high | low(bytes[index + 2]))
                index += 3
            default:
                let high = UInt32(byte & 0x07) << 18 | low(bytes[index + 1]) << 12
                total += gain(of: high | low(bytes[index + 2]) << 6 | low(bytes[index + 3]))
                index += 4
            }
        }
    }

    private static func low(_ byte: UInt8) -> UInt32 { UInt32(byte & 0x3f) }
}
