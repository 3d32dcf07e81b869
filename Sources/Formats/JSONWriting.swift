extension [UInt8] {
    /// A string as JSON, quotes included.
    package init(json text: String) {
        self = []
        append(json: text)
    }

    /// Appends a string as JSON, quotes included.
    package mutating func append(json text: String) {
        append(UInt8(ascii: "\""))
        for byte in text.utf8 {
            switch byte {
            case UInt8(ascii: "\""), backslash:
                append(backslash)
                append(byte)
            case lineFeed:
                append(contentsOf: "\\n".utf8)
            case 0..<0x20:
                let digits = String(byte, radix: 16)
                append(contentsOf: (digits.utf8.count == 1 ? "\\u000" : "\\u00").utf8)
                append(contentsOf: digits.utf8)
            default:
                append(byte)
            }
        }
        append(UInt8(ascii: "\""))
    }

    /// Appends a string as JSON, or null.
    mutating func append(json text: String?) {
        if let text { append(json: text) } else { append(raw: "null") }
    }

    /// Appends JSON that is written as it is.
    mutating func append(raw text: StaticString) {
        append(
            contentsOf: UnsafeBufferPointer(start: text.utf8Start, count: text.utf8CodeUnitCount)
        )
    }
}
