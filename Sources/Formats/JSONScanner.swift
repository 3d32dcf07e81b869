/// Why bytes are not the JSON that was asked for, and where.
package struct JSONScanError: Error, Hashable, Sendable {
    package enum Kind: String, Sendable {
        case unexpectedEnd
        case unexpectedByte
        case invalidUTF8
        case invalidEscape
        case controlCharacter
        case invalidNumber
        case tooDeep
        case tooManyFields
        case trailingBytes
        case notAnObject
        case notAnArray
        case duplicateName
        case escapedName
    }

    package let kind: Kind
    /// The index of the offending byte, or of the offending name.
    package let offset: Int

    package init(_ kind: Kind, at offset: Int) {
        self.kind = kind
        self.offset = offset
    }
}

/// What a JSON value is.
package enum JSONKind: Hashable, Sendable {
    case object
    case array
    case string
    case number
    case boolean(Bool)
    case null
}

/// A value in scanned bytes: its kind and where it stands, quotes and brackets included.
package struct JSONValue: Hashable, Sendable {
    package let kind: JSONKind
    package let range: Range<Int>
}

/// A cursor over JSON bytes that validates (RFC 8259, UTF-8 included) whatever it passes.
///
/// It allocates nothing: callers walk the objects and arrays they care about with `fields` and
/// `elements`, and everything else is validated and skipped. Lone surrogates in escapes pass,
/// because JavaScript clients send them; such a string has no value (`JSONValue.string`).
package struct JSONScanner {
    /// How deep arrays and objects may nest.
    package static let depthMax = 128

    package let bytes: [UInt8]
    /// The next byte to read.
    package private(set) var index: Int
    private let end: Int
    private var depth = 0

    /// A scanner of all bytes, or of a range that a value was found at.
    package init(_ bytes: [UInt8], in range: Range<Int>? = nil) {
        self.bytes = bytes
        index = range?.lowerBound ?? 0
        end = range?.upperBound ?? bytes.count
    }

    /// Requires that nothing but white space is left.
    package mutating func finish() throws(JSONScanError) {
        skipWhiteSpace()
        if index < end { throw JSONScanError(.trailingBytes, at: index) }
    }

    /// Validates one value of any kind and moves behind it.
    @discardableResult
    package mutating func value() throws(JSONScanError) -> JSONValue {
        let first = try peek()
        let start = index
        let kind: JSONKind
        switch first {
        case UInt8(ascii: "\""):
            _ = try string()
            kind = .string
        case UInt8(ascii: "{"):
            try fields { _, _ throws(JSONScanError) in }
            kind = .object
        case UInt8(ascii: "["):
            try elements { _ throws(JSONScanError) in }
            kind = .array
        case UInt8(ascii: "t"):
            try literal("true")
            kind = .boolean(true)
        case UInt8(ascii: "f"):
            try literal("false")
            kind = .boolean(false)
        case UInt8(ascii: "n"):
            try literal("null")
            kind = .null
        default:
            try number()
            kind = .number
        }
        return JSONValue(kind: kind, range: start..<index)
    }

    /// Walks an object: `visit` is called before each value, and may read it or leave it.
    ///
    /// Names are neither unescaped nor checked for repetition; `JSONObject` is for that.
    @inline(__always)
    package mutating func fields(
        _ visit: (inout JSONScanner, JSONName) throws(JSONScanError) -> Void
    ) throws(JSONScanError) {
        guard try peek() == UInt8(ascii: "{") else { throw JSONScanError(.notAnObject, at: index) }
        try descend()
        if try peek() == UInt8(ascii: "}") { return ascend() }
        while true {
            guard try peek() == UInt8(ascii: "\"") else {
                throw JSONScanError(.unexpectedByte, at: index)
            }
            let (range, isPlain) = try string()
            guard try peek() == UInt8(ascii: ":") else {
                throw JSONScanError(.unexpectedByte, at: index)
            }
            index &+= 1
            // Whoever only looks at what comes moves to it, and has read nothing yet.
            skipWhiteSpace()
            let start = index
            try visit(&self, JSONName(bytes: bytes, range: range, hasEscape: !isPlain))
            if index == start { try value() }
            if try isLast(before: UInt8(ascii: "}")) { return ascend() }
        }
    }

    /// Walks an array: `visit` is called before each value, and may read it or leave it.
    @inline(__always)
    package mutating func elements(
        _ visit: (inout JSONScanner) throws(JSONScanError) -> Void
    ) throws(JSONScanError) {
        guard try peek() == UInt8(ascii: "[") else { throw JSONScanError(.notAnArray, at: index) }
        try descend()
        if try peek() == UInt8(ascii: "]") { return ascend() }
        while true {
            skipWhiteSpace()
            let start = index
            try visit(&self)
            if index == start { try value() }
            if try isLast(before: UInt8(ascii: "]")) { return ascend() }
        }
    }

    /// The next byte that is not white space, without moving behind it.
    @inline(__always)
    package mutating func peek() throws(JSONScanError) -> UInt8 {
        skipWhiteSpace()
        guard index < end else { throw JSONScanError(.unexpectedEnd, at: index) }
        return bytes[index]
    }

    @inline(__always)
    private mutating func skipWhiteSpace() {
        while index < end {
            let byte = bytes[index]
            guard byte == 0x20 || byte == lineFeed || byte == carriageReturn || byte == 0x09 else {
                return
            }
            index &+= 1
        }
    }

    private mutating func descend() throws(JSONScanError) {
        guard depth < Self.depthMax else { throw JSONScanError(.tooDeep, at: index) }
        depth &+= 1
        index &+= 1
    }

    private mutating func ascend() {
        depth &-= 1
        index &+= 1
    }

    /// Moves behind a comma, or stops before the closing bracket and says so.
    @inline(__always)
    private mutating func isLast(before bracket: UInt8) throws(JSONScanError) -> Bool {
        let byte = try peek()
        if byte == bracket { return true }
        guard byte == UInt8(ascii: ",") else { throw JSONScanError(.unexpectedByte, at: index) }
        index &+= 1
        return false
    }

    private mutating func literal(_ text: StaticString) throws(JSONScanError) {
        for offset in 0..<text.utf8CodeUnitCount {
            guard index < end else { throw JSONScanError(.unexpectedEnd, at: index) }
            guard bytes[index] == text.utf8Start[offset] else {
                throw JSONScanError(.unexpectedByte, at: index)
            }
            index &+= 1
        }
    }
}

// MARK: Strings

extension JSONScanner {
    /// Validates a string; gives the range between its quotes, and whether it has no escapes.
    package mutating func string() throws(JSONScanError) -> (range: Range<Int>, isPlain: Bool) {
        guard try peek() == UInt8(ascii: "\"") else {
            throw JSONScanError(.unexpectedByte, at: index)
        }
        let start = index &+ 1
        var isPlain = true
        var cursor = start
        while true {
            cursor = ByteScan.endOfPlainText(bytes, from: cursor, to: end)
            guard cursor < end else { throw JSONScanError(.unexpectedEnd, at: cursor) }
            switch bytes[cursor] {
            case UInt8(ascii: "\""):
                index = cursor &+ 1
                return (start..<cursor, isPlain)
            case backslash:
                isPlain = false
                cursor = try endOfEscape(at: cursor)
            case 0x80...:
                repeat {
                    cursor = try endOfCharacter(at: cursor)
                } while cursor < end && bytes[cursor] >= 0x80
            default:
                throw JSONScanError(.controlCharacter, at: cursor)
            }
        }
    }

    private func endOfEscape(at start: Int) throws(JSONScanError) -> Int {
        guard start &+ 1 < end else { throw JSONScanError(.unexpectedEnd, at: end) }
        switch bytes[start &+ 1] {
        case UInt8(ascii: "\""), backslash, UInt8(ascii: "/"), UInt8(ascii: "b"),
            UInt8(ascii: "f"), UInt8(ascii: "n"), UInt8(ascii: "r"), UInt8(ascii: "t"):
            return start &+ 2
        case UInt8(ascii: "u"):
            guard start &+ 6 <= end else { throw JSONScanError(.unexpectedEnd, at: end) }
            guard hexadecimal(bytes, at: start &+ 2) != nil else {
                throw JSONScanError(.invalidEscape, at: start)
            }
            return start &+ 6
        default:
            throw JSONScanError(.invalidEscape, at: start)
        }
    }

    /// The end of a multi-byte character (RFC 3629: no overlong forms, no surrogates).
    private func endOfCharacter(at start: Int) throws(JSONScanError) -> Int {
        let length: Int
        var second: ClosedRange<UInt8> = 0x80...0xbf
        switch bytes[start] {
        case 0xc2...0xdf: length = 2
        case 0xe0: (length, second) = (3, 0xa0...0xbf)
        case 0xed: (length, second) = (3, 0x80...0x9f)
        case 0xe1...0xef: length = 3
        case 0xf0: (length, second) = (4, 0x90...0xbf)
        case 0xf1...0xf3: length = 4
        case 0xf4: (length, second) = (4, 0x80...0x8f)
        default: throw JSONScanError(.invalidUTF8, at: start)
        }
        guard start &+ length <= end, second.contains(bytes[start &+ 1]) else {
            throw JSONScanError(.invalidUTF8, at: start)
        }
        for index in (start &+ 2)..<(start &+ max(length, 2)) where bytes[index] & 0xc0 != 0x80 {
            throw JSONScanError(.invalidUTF8, at: start)
        }
        return start &+ length
    }
}

/// The value of four hexadecimal digits, which must be in bounds; nil for anything else.
func hexadecimal(_ bytes: [UInt8], at start: Int) -> UInt16? {
    var value: UInt16 = 0
    for index in start..<(start + 4) {
        let digit: UInt8
        switch bytes[index] {
        case UInt8(ascii: "0")...UInt8(ascii: "9"): digit = bytes[index] - UInt8(ascii: "0")
        case UInt8(ascii: "a")...UInt8(ascii: "f"): digit = bytes[index] - UInt8(ascii: "a") + 10
        case UInt8(ascii: "A")...UInt8(ascii: "F"): digit = bytes[index] - UInt8(ascii: "A") + 10
        default: return nil
        }
        value = value << 4 | UInt16(digit)
    }
    return value
}

// MARK: Numbers

extension JSONScanner {
    private mutating func number() throws(JSONScanError) {
        let start = index
        if bytes[index] == UInt8(ascii: "-") { index &+= 1 }
        if index < end, bytes[index] == UInt8(ascii: "0") {
            index &+= 1
        } else {
            try digits(of: start)
        }
        if index < end, bytes[index] == UInt8(ascii: ".") {
            index &+= 1
            try digits(of: start)
        }
        if index < end, bytes[index] | 0x20 == UInt8(ascii: "e") {
            index &+= 1
            if index < end, bytes[index] == UInt8(ascii: "+") || bytes[index] == UInt8(ascii: "-") {
                index &+= 1
            }
            try digits(of: start)
        }
    }

    /// One digit or more.
    private mutating func digits(of start: Int) throws(JSONScanError) {
        let first = index
        while index < end, (UInt8(ascii: "0")...UInt8(ascii: "9")).contains(bytes[index]) {
            index &+= 1
        }
        if index > first { return }
        guard index < end else { throw JSONScanError(.unexpectedEnd, at: index) }
        // A byte that starts no value at all is not a bad number.
        throw JSONScanError(index == start ? .unexpectedByte : .invalidNumber, at: index)
    }
}
