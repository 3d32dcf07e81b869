// What of an answer the model wrote, and what servers only say about it. A field counts when it is
// known to hold what was generated: servers repeat reasoning under other names
// (`thinking_blocks`, `reasoning_details`), pad their streams (`obfuscation`) and add fields of
// their own (`provider_specific_fields`), and a client must not pay twice where nobody counts for
// us.

/// The text of a chat's message, or of a piece of one.
struct ChatText {
    private(set) var byteCount: Int64 = 0
    private let choice: Int
    /// Some servers say the same under two names.
    private var hasReasoning = false

    /// - Parameter choice: which of the answers it belongs to.
    init(choice: Int) {
        self.choice = choice
    }

    /// Reads a message, a delta, or the bare text of a completion without a chat.
    mutating func read(
        _ scanner: inout JSONScanner,
        into text: inout WrittenText
    ) throws(JSONScanError) {
        guard try scanner.peek() == UInt8(ascii: "{") else {
            byteCount += try scanner.writtenText(&text, strand: strand(0), skipping: Self.isNoText)
            return
        }
        try scanner.fields { scanner, name throws(JSONScanError) in
            switch name {
            case "content": try take(1, &scanner, into: &text)
            case "refusal": try take(2, &scanner, into: &text)
            case "reasoning_content", "reasoning":
                if hasReasoning { return }
                let before = byteCount
                try take(3, &scanner, into: &text)
                hasReasoning = byteCount > before
            case "function_call": try readFunction(4, &scanner, into: &text)
            case "tool_calls":
                var position = 0
                try scanner.elementsIfArray { scanner throws(JSONScanError) in
                    try readCall(position, &scanner, into: &text)
                    position += 1
                }
            default: break
            }
        }
    }

    /// Tells apart what is written side by side.
    private func strand(_ part: Int) -> Int { choice << 16 ^ part }

    private mutating func take(
        _ part: Int,
        _ scanner: inout JSONScanner,
        into text: inout WrittenText
    ) throws(JSONScanError) {
        byteCount += try scanner.writtenText(
            &text,
            strand: strand(part),
            skipping: Self.isNoText
        )
    }

    private mutating func readCall(
        _ position: Int,
        _ scanner: inout JSONScanner,
        into text: inout WrittenText
    ) throws(JSONScanError) {
        var index = Int64(position)
        try scanner.fieldsIfObject { scanner, name throws(JSONScanError) in
            switch name {
            case "index": index = try scanner.value().integer(in: scanner.bytes) ?? index
            case "function", "custom":
                try readFunction(8 + Int(truncatingIfNeeded: index), &scanner, into: &text)
            default: break
            }
        }
    }

    private mutating func readFunction(
        _ part: Int,
        _ scanner: inout JSONScanner,
        into text: inout WrittenText
    ) throws(JSONScanError) {
        try scanner.fieldsIfObject { scanner, name throws(JSONScanError) in
            switch name {
            case "name":
                byteCount += try scanner.writtenJSON(&text, strand: ~strand(part))
            case "arguments", "input":
                byteCount += try scanner.writtenJSON(&text, strand: strand(part))
            default: break
            }
        }
    }

    /// Fields of a part of a message's content that the model did not write.
    private static func isNoText(_ name: JSONName) -> Bool {
        switch name {
        case "type", "id", "format", "annotations", "signature", "data", "encrypted_content": true
        default: false
        }
    }
}

extension JSONScanner {
    /// Takes up what the model wrote in a content block of a message, or in a delta of one.
    ///
    /// - Returns: its length in bytes, decoded.
    mutating func messageText(_ text: inout WrittenText) throws(JSONScanError) -> Int64 {
        var length: Int64 = 0
        try fieldsIfObject { scanner, name throws(JSONScanError) in
            length += try scanner.messageText(of: name, &text)
        }
        return length
    }

    /// The same for one field of it.
    mutating func messageText(
        of name: JSONName,
        _ text: inout WrittenText
    ) throws(JSONScanError) -> Int64 {
        switch name {
        case "text": try writtenJSON(&text, strand: 1)
        case "thinking": try writtenJSON(&text, strand: 2)
        case "name": try writtenJSON(&text, strand: 3)
        case "input", "partial_json": try writtenJSON(&text, strand: 4)
        default: 0
        }
    }

    /// Takes up the content of a string, or JSON as it is written.
    ///
    /// The model wrote its punctuation too. An empty object stands where a stream is yet to bring
    /// one.
    fileprivate mutating func writtenJSON(
        _ text: inout WrittenText,
        strand: Int
    ) throws(JSONScanError) -> Int64 {
        if try peek() == UInt8(ascii: "\"") {
            return try writtenText(&text, strand: strand) { _ in false }
        }
        let value = try value()
        guard value.kind == .object || value.kind == .array, value.range.count > 2 else {
            return 0
        }
        text.append(bytes, value.range, isPlain: true, strand: strand)
        return Int64(value.range.count)
    }
}
