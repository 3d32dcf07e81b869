@testable import Tokenizer

/// Small vocabularies made up at random, and byte-pair encoding as its definition reads.
enum Toy {
    /// All bytes, and tokens that each join two earlier ones of a small alphabet.
    static func tokens(
        _ count: Int,
        alphabet: String,
        using random: inout some RandomNumberGenerator
    ) -> [[UInt8]] {
        let letters = Array(alphabet.utf8)
        var tokens = letters.map { [$0] }
        var known = Set(tokens)
        while tokens.count < count {
            let joined =
                (tokens.randomElement(using: &random) ?? [])
                + (tokens.randomElement(using: &random) ?? [])
            if joined.count <= 12, known.insert(joined).inserted { tokens.append(joined) }
        }
        let others = (UInt8.min...UInt8.max).filter { !letters.contains($0) }.map { [$0] }
        return others + tokens
    }

    static func vocabulary(_ tokens: [[UInt8]]) throws -> Vocabulary {
        try Vocabulary(file(tokens), name: .o200k)
    }

    static func file(_ tokens: [[UInt8]]) -> [UInt8] {
        tokens.enumerated().flatMap { Array("\(base64($1)) \($0)\n".utf8) }
    }

    /// Joins the pair of the lowest rank, the leftmost first, until there is none.
    static func encode(_ bytes: [UInt8], _ tokens: [[UInt8]]) -> [[UInt8]] {
        let ranks = Dictionary(uniqueKeysWithValues: tokens.enumerated().map { ($1, $0) })
        if ranks[bytes] != nil { return [bytes] }
        var parts = bytes.map { [$0] }
        while true {
            let pairs = zip(parts, parts.dropFirst()).map { ranks[$0 + $1] }
            guard let least = pairs.compactMap(\.self).min(),
                let place = pairs.firstIndex(of: least)
            else { return parts }
            parts[place] += parts.remove(at: place + 1)
        }
    }

    private static func base64(_ bytes: [UInt8]) -> String {
        let digits = Array("ABCDEFGHIJKLMNOPQRSTUVWXYZabcdefghijklmnopqrstuvwxyz0123456789+/")
        var text = ""
        for start in stride(from: 0, to: bytes.count, by: 3) {
            let group = bytes[start..<min(start + 3, bytes.count)]
            var bits = group.reduce(0) { $0 << 8 | Int($1) } << (8 * (3 - group.count))
            var encoded = ""
            for index in (0..<4).reversed() {
                encoded = (index > group.count ? "=" : String(digits[bits & 63])) + encoded
                bits >>= 6
            }
            text += encoded
        }
        return text
    }
}
