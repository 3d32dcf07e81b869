/// JSON whose numbers keep the digits they were written with.
///
/// Foundation's decoder takes numbers through binary or a 38-digit decimal, and of two members
/// with one name it keeps either without a word. A price file may not be read that way.
package indirect enum JSONTree: Hashable, Sendable {
    case null
    case bool(Bool)
    /// As written, grammar checked.
    case number(String)
    case string(String)
    case array([JSONTree])
    /// In the order of the file; names are unique.
    case object([Member])

    package struct Member: Hashable, Sendable {
        package let name: String
        package let value: JSONTree
    }

    /// Where and why a text is not JSON.
    package struct Failure: Error, Hashable, Sendable, CustomStringConvertible {
        package let line: Int
        package let reason: String

        package var description: String { "line \(line): \(reason)" }
    }

    /// Reads one JSON document of UTF-8 bytes, whole.
    package init(parsing bytes: [UInt8]) throws(Failure) {
        var parser = JSONTreeParser(bytes)
        self = try parser.document()
    }

    /// The members of an object; nil for anything else.
    package var members: [Member]? {
        if case .object(let members) = self { members } else { nil }
    }

    /// The value of an object's member; nil when there is none.
    package subscript(name: String) -> JSONTree? {
        members?.first { $0.name == name }?.value
    }

    /// The text of a string; nil for anything else.
    package var string: String? {
        if case .string(let text) = self { text } else { nil }
    }

    /// The digits of a number; nil for anything else.
    package var number: String? {
        if case .number(let text) = self { text } else { nil }
    }
}

/// A strict recursive-descent reader of RFC 8259.
private struct JSONTreeParser {
    private static let depthMax = 64

    private let bytes: [UInt8]
    private var position = 0
    private var depth = 0

    init(_ bytes: [UInt8]) {
        self.bytes = bytes
    }

    mutating func document() throws(JSONTree.Failure) -> JSONTree {
        if bytes.starts(with: [0xEF, 0xBB, 0xBF]) { position = 3 }
        let value = try value()
        skipWhitespace()
        guard position == bytes.count else { throw failure("text after the document's end") }
        return value
    }

    private mutating func value() throws(JSONTree.Failure) -> JSONTree {
        skipWhitespace()
        switch peek {
        case UInt8(ascii: "{"): return .object(try nested(Self.object))
        case UInt8(ascii: "["): return .array(try nested(Self.array))
        case UInt8(ascii: "\""): return .string(try string())
        case UInt8(ascii: "t"): return try word("true", .bool(true))
        case UInt8(ascii: "f"): return try word("false", .bool(false))
        case UInt8(ascii: "n"): return try word("null", .null)
        case nil: throw failure("the text ends too early")
        default: return .number(try number())
        }
    }

    private mutating func nested<Value>(
        _ read: (inout Self) throws(JSONTree.Failure) -> Value
    ) throws(JSONTree.Failure) -> Value {
        guard depth < Self.depthMax else { throw failure("nested too deeply") }
        depth += 1
        position += 1
        let value = try read(&self)
        depth -= 1
        return value
    }

    private static func object(
        _ parser: inout Self
    ) throws(JSONTree.Failure) -> [JSONTree.Member] {
        var members: [JSONTree.Member] = []
        var names: Set<String> = []
        if parser.take("}") { return [] }
        repeat {
            parser.skipWhitespace()
            guard parser.peek == UInt8(ascii: "\"") else {
                throw parser.failure("a member's name is missing")
            }
            let name = try parser.string()
            guard names.insert(name).inserted else {
                throw parser.failure("“\(name)” stands twice in one object")
            }
            guard parser.take(":") else { throw parser.failure("“:” is missing") }
            members.append(JSONTree.Member(name: name, value: try parser.value()))
        } while parser.take(",")
        guard parser.take("}") else { throw parser.failure("“,” or “}” is missing") }
        return members
    }

    private static func array(_ parser: inout Self) throws(JSONTree.Failure) -> [JSONTree] {
        var elements: [JSONTree] = []
        if parser.take("]") { return [] }
        repeat { elements.append(try parser.value()) } while parser.take(",")
        guard parser.take("]") else { throw parser.failure("“,” or “]” is missing") }
        return elements
    }

    private mutating func number() throws(JSONTree.Failure) -> String {
        let start = position
        _ = takeByte("-")
        let isZero = takeByte("0")
        let wholeCount = takeDigits()
        guard isZero != (wholeCount > 0) else { throw failure("not a JSON value") }
        if takeByte("."), takeDigits() == 0 { throw failure("digits are missing after “.”") }
        if takeByte("e") || takeByte("E") {
            if !takeByte("+") { _ = takeByte("-") }
            if takeDigits() == 0 { throw failure("digits are missing in the exponent") }
        }
        return String(decoding: bytes[start..<position], as: UTF8.self)
    }

    private mutating func string() throws(JSONTree.Failure) -> String {
        position += 1
        var text: [UInt8] = []
        while let byte = peek {
            position += 1
            switch byte {
            case UInt8(ascii: "\""):
                guard let string = String(validating: text, as: UTF8.self) else {
                    throw failure("a string is not UTF-8")
                }
                return string
            case UInt8(ascii: "\\"): text += Array(String(try escape()).utf8)
            case 0..<0x20: throw failure("a control character in a string")
            default: text.append(byte)
            }
        }
        throw failure("a string does not end")
    }

    private mutating func escape() throws(JSONTree.Failure) -> Character {
        guard let byte = peek else { throw failure("a string does not end") }
        position += 1
        switch byte {
        case UInt8(ascii: "\""): return "\""
        case UInt8(ascii: "\\"): return "\\"
        case UInt8(ascii: "/"): return "/"
        case UInt8(ascii: "b"): return "\u{8}"
        case UInt8(ascii: "f"): return "\u{C}"
        case UInt8(ascii: "n"): return "\n"
        case UInt8(ascii: "r"): return "\r"
        case UInt8(ascii: "t"): return "\t"
        case UInt8(ascii: "u"): return Character(try unicodeEscape())
        default: throw failure("an unknown escape in a string")
        }
    }

    private mutating func unicodeEscape() throws(JSONTree.Failure) -> Unicode.Scalar {
        let first = try hexadecimal()
        guard (0xD800..<0xDC00).contains(first) else {
            guard let scalar = Unicode.Scalar(first) else {
                throw failure("half of a surrogate pair")
            }
            return scalar
        }
        guard takeByte("\\"), takeByte("u") else { throw failure("half of a surrogate pair") }
        let second = try hexadecimal()
        guard (0xDC00..<0xE000).contains(second),
            let scalar = Unicode.Scalar(0x10000 + (first - 0xD800) << 10 + (second - 0xDC00))
        else { throw failure("half of a surrogate pair") }
        return scalar
    }

    private mutating func hexadecimal() throws(JSONTree.Failure) -> UInt32 {
        let digits = bytes[position...].prefix(4)
        guard digits.count == 4,
            digits.allSatisfy({ Unicode.Scalar($0).properties.isASCIIHexDigit }),
            let value = UInt32(String(decoding: digits, as: UTF8.self), radix: 16)
        else { throw failure("four hexadecimal digits are missing") }
        position += 4
        return value
    }

    private mutating func word(
        _ text: String,
        _ value: JSONTree
    ) throws(JSONTree.Failure) -> JSONTree {
        guard bytes[position...].starts(with: text.utf8) else { throw failure("not a JSON value") }
        position += text.utf8.count
        return value
    }

    private var peek: UInt8? { position < bytes.count ? bytes[position] : nil }

    private mutating func skipWhitespace() {
        while let byte = peek, byte == 0x20 || byte == 0x0A || byte == 0x0D || byte == 0x09 {
            position += 1
        }
    }

    /// Takes a character after white space.
    private mutating func take(_ character: Unicode.Scalar) -> Bool {
        skipWhitespace()
        return takeByte(character)
    }

    private mutating func takeByte(_ character: Unicode.Scalar) -> Bool {
        guard peek == UInt8(ascii: character) else { return false }
        position += 1
        return true
    }

    private mutating func takeDigits() -> Int {
        let start = position
        while let byte = peek, (UInt8(ascii: "0")...UInt8(ascii: "9")).contains(byte) {
            position += 1
        }
        return position - start
    }

    private func failure(_ reason: String) -> JSONTree.Failure {
        let line = 1 + bytes[..<min(position, bytes.count)].count { $0 == 0x0A }
        return JSONTree.Failure(line: line, reason: reason)
    }
}
