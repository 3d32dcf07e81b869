import Schema

/// A line of the log while it is written: a JSON object, or words for a person.
struct LogLine {
    private(set) var bytes: [UInt8]
    private let isReadable: Bool

    /// - Parameter bytes: lines that stand before this one.
    init(bytes: consuming [UInt8], isReadable: Bool) {
        self.bytes = bytes
        self.isReadable = isReadable
    }

    mutating func begin(_ level: Log.Level, _ message: String, at instant: Instant) {
        if !isReadable { append(raw: "{\"time\":\"") }
        append(instant.description)
        append(raw: isReadable ? " " : "\",\"level\":\"")
        append(level.name)
        append(raw: isReadable ? " " : "\",\"message\":")
        if isReadable { append(message) } else { append(quoted: message) }
    }

    /// - Parameter name: without characters that JSON escapes.
    mutating func add(_ name: StaticString, _ text: String) {
        append(raw: isReadable ? " " : ",\"")
        append(raw: name)
        append(raw: isReadable ? "=" : "\":")
        if isReadable { append(text) } else { append(quoted: text) }
    }

    mutating func add(_ name: StaticString, _ number: Int64) {
        append(raw: isReadable ? " " : ",\"")
        append(raw: name)
        append(raw: isReadable ? "=" : "\":")
        append(String(number))
    }

    mutating func end() { append(raw: isReadable ? "\n" : "}\n") }

    private mutating func append(raw text: StaticString) {
        bytes.append(
            contentsOf: UnsafeBufferPointer(start: text.utf8Start, count: text.utf8CodeUnitCount)
        )
    }

    private mutating func append(_ text: String) {
        var text = text
        text.withUTF8 { bytes.append(contentsOf: $0) }
    }

    /// A JSON string; control characters, which would break the line, become spaces.
    private mutating func append(quoted text: String) {
        let (quote, backslash) = (UInt8(ascii: "\""), UInt8(ascii: "\\"))
        var text = text
        bytes.append(quote)
        text.withUTF8 { characters in
            let isPlain = characters.allSatisfy { $0 >= 0x20 && $0 != quote && $0 != backslash }
            if isPlain {
                bytes.append(contentsOf: characters)
                return
            }
            for character in characters {
                if character == quote || character == backslash { bytes.append(backslash) }
                bytes.append(character < 0x20 ? UInt8(ascii: " ") : character)
            }
        }
        bytes.append(quote)
    }
}
