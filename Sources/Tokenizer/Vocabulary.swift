/// The tokens of a family of models, in the order in which a byte-pair encoder prefers them.
///
/// Special tokens are no part of it: in the text of a prompt they are text.
///
/// A class, because it is megabytes that every call refers to.
package final class Vocabulary: Sendable {
    package let name: VocabularyName
    let tokens: TokenTable
    /// How many tokens it has.
    package let count: Int

    /// Reads a vocabulary in the form in which they are published: a line for each token, its bytes
    /// in base64 and its rank, in the order of the ranks.
    package init(_ file: [UInt8], name: VocabularyName) throws(VocabularyError) {
        var reader = VocabularyReader(file)
        try reader.read()
        self.name = name
        count = reader.starts.count - 1
        tokens = TokenTable(text: reader.text, starts: reader.starts)
        for byte in UInt8.min...UInt8.max
        where tokens.rank([byte], 0..<1) == TokenTable.none {
            throw VocabularyError(line: nil, reason: "the byte \(byte) is no token of it")
        }
    }
}

/// Why a file is not a vocabulary.
package struct VocabularyError: Error, Hashable, CustomStringConvertible {
    /// The line, counted from 1; nil for the file as a whole.
    package let line: Int?
    package let reason: String

    package var description: String { line.map { "line \($0): \(reason)" } ?? reason }
}

/// Reads the lines of a vocabulary.
struct VocabularyReader {
    /// More would be no vocabulary of text: the longest token of any is 128 blanks.
    private static let tokenBytesMax = 1_024

    private let file: [UInt8]
    private var index = 0
    private(set) var text: [UInt8] = []
    private(set) var starts: [UInt32] = [0]

    init(_ file: [UInt8]) {
        self.file = file
        text.reserveCapacity(file.count / 2)
    }

    mutating func read() throws(VocabularyError) {
        while index < file.count {
            try token()
            guard try number() == starts.count - 1 else { throw fault("the rank is out of order") }
            starts.append(UInt32(text.count))
        }
        guard starts.count > 1 else { throw VocabularyError(line: nil, reason: "it is empty") }
    }

    private func fault(_ reason: String) -> VocabularyError {
        VocabularyError(line: starts.count, reason: reason)
    }

    /// The bytes of a token, to the blank behind them.
    private mutating func token() throws(VocabularyError) {
        let start = text.count
        var bits: UInt32 = 0
        var bitCount = 0
        while index < file.count, file[index] != UInt8(ascii: " ") {
            if file[index] != UInt8(ascii: "=") {
                guard let digit = Self.base64(file[index]) else { throw fault("not base64") }
                bits = bits << 6 | UInt32(digit)
                bitCount += 6
                if bitCount >= 8 {
                    bitCount -= 8
                    text.append(UInt8(truncatingIfNeeded: bits >> UInt32(bitCount)))
                }
            }
            index += 1
        }
        let length = text.count - start
        guard (1...Self.tokenBytesMax).contains(length) else {
            throw fault("a token of \(length) bytes")
        }
        index += 1
    }

    /// A rank, to the end of its line.
    private mutating func number() throws(VocabularyError) -> Int {
        var value = 0
        let start = index
        while index < file.count, file[index] != UInt8(ascii: "\n") {
            let digit = Int(file[index]) - Int(UInt8(ascii: "0"))
            guard (0...9).contains(digit), index - start < 9 else { throw fault("not a rank") }
            value = value * 10 + digit
            index += 1
        }
        guard index > start else { throw fault("not a rank") }
        index += 1
        return value
    }

    private static func base64(_ byte: UInt8) -> UInt8? {
        switch byte {
        case UInt8(ascii: "A")...UInt8(ascii: "Z"): byte - UInt8(ascii: "A")
        case UInt8(ascii: "a")...UInt8(ascii: "z"): byte - UInt8(ascii: "a") + 26
        case UInt8(ascii: "0")...UInt8(ascii: "9"): byte - UInt8(ascii: "0") + 52
        case UInt8(ascii: "+"): 62
        case UInt8(ascii: "/"): 63
        default: nil
        }
    }
}
