import Schema

// An upstream's answer has been paid for: whatever can be made of it goes to the client, and what
// is not understood is left out rather than refused.

extension ChatCodec {
    static func answer(from bytes: [UInt8]) throws(JSONScanError) -> Neutral.Answer {
        var answer = Neutral.Answer()
        var hasChoice = false
        var scanner = JSONScanner(bytes)
        try scanner.fields { scanner, name throws(JSONScanError) in
            guard "choices" ~= name else { return }
            try scanner.elementsIfArray { scanner throws(JSONScanError) in
                // A translated request asks for one.
                if hasChoice { return }
                hasChoice = true
                try readChoice(&scanner, into: &answer)
            }
        }
        try scanner.finish()
        return answer
    }

    private static func readChoice(
        _ scanner: inout JSONScanner,
        into answer: inout Neutral.Answer
    ) throws(JSONScanError) {
        var message = ChatMessage()
        var stop = Neutral.Stop.end
        try scanner.fieldsIfObject { scanner, name throws(JSONScanError) in
            switch name {
            case "message": try message.read(&scanner)
            case "finish_reason":
                if let word = try scanner.text() { stop = .init(chat: word) }
            default: break
            }
        }
        answer.parts = message.parts
        answer.stop = stop.considering(
            hasToolCalls: !message.calls.isEmpty,
            hasRefusal: message.refusal != nil
        )
    }
}

/// The message of one choice.
private struct ChatMessage {
    var reasoning = ""
    var content = ""
    var refusal: String?
    var calls: [Neutral.ToolCall] = []

    var parts: [Neutral.Content] {
        var parts: [Neutral.Content] = []
        if !reasoning.isEmpty { parts.append(.reasoning(.text(reasoning, signature: nil))) }
        if !content.isEmpty { parts.append(.text(content)) }
        if let refusal { parts.append(.refusal(refusal)) }
        return parts + calls.map { .toolCall($0) }
    }

    mutating func read(_ scanner: inout JSONScanner) throws(JSONScanError) {
        try scanner.fieldsIfObject { scanner, name throws(JSONScanError) in
            switch name {
            case "content":
                if try scanner.peek() == UInt8(ascii: "[") {
                    try scanner.elements { scanner throws(JSONScanError) in
                        try scanner.fieldsIfObject { scanner, name throws(JSONScanError) in
                            guard "text" ~= name else { return }
                            content += try scanner.text() ?? ""
                        }
                    }
                } else {
                    content += try scanner.text() ?? ""
                }
            case "refusal": if let text = try scanner.text(), !text.isEmpty { refusal = text }
            case "reasoning_content", "reasoning":
                // Some servers say the same under both names.
                if let text = try scanner.text(), reasoning.isEmpty { reasoning = text }
            case "tool_calls":
                try scanner.elementsIfArray { scanner throws(JSONScanError) in
                    calls.append(try Self.call(&scanner, number: calls.count))
                }
            default: break
            }
        }
    }

    private static func call(
        _ scanner: inout JSONScanner,
        number: Int
    ) throws(JSONScanError) -> Neutral.ToolCall {
        var call = Neutral.ToolCall(id: "", name: "", arguments: "")
        try scanner.fieldsIfObject { scanner, name throws(JSONScanError) in
            switch name {
            case "id": call.id = try scanner.text() ?? ""
            case "function":
                try scanner.fieldsIfObject { scanner, name throws(JSONScanError) in
                    switch name {
                    case "name": call.name = try scanner.text() ?? ""
                    case "arguments":
                        // A string by the format, an object by some servers.
                        if try scanner.peek() == UInt8(ascii: "{") {
                            let value = try scanner.value()
                            call.arguments = String(
                                decoding: scanner.bytes[value.range],
                                as: UTF8.self
                            )
                        } else {
                            call.arguments = try scanner.text() ?? ""
                        }
                    default: break
                    }
                }
            default: break
            }
        }
        if call.id.isEmpty { call.id = "call_\(number)" }
        return call
    }
}

extension MessagesCodec {
    static func answer(from bytes: [UInt8]) throws(JSONScanError) -> Neutral.Answer {
        var answer = Neutral.Answer()
        var reason = ""
        var sequence: String?
        var scanner = JSONScanner(bytes)
        try scanner.fields { scanner, name throws(JSONScanError) in
            switch name {
            case "content":
                try scanner.elementsIfArray { scanner throws(JSONScanError) in
                    var block = MessageBlock()
                    try block.read(&scanner)
                    if let content = block.content { answer.parts.append(content) }
                }
            case "stop_reason": reason = try scanner.text() ?? ""
            case "stop_sequence": sequence = try scanner.text()
            default: break
            }
        }
        try scanner.finish()
        answer.stop = .init(message: reason, sequence: sequence)
        return answer
    }
}

/// One block of a message's content.
private struct MessageBlock {
    private var type = ""
    private var text = ""
    private var id = ""
    private var name = ""
    private var input = ""
    private var signature: String?
    private var data = ""

    mutating func read(_ scanner: inout JSONScanner) throws(JSONScanError) {
        try scanner.fieldsIfObject { scanner, name throws(JSONScanError) in
            switch name {
            case "type": type = try scanner.text() ?? ""
            case "text", "thinking": text = try scanner.text() ?? ""
            case "id": id = try scanner.text() ?? ""
            case "name": self.name = try scanner.text() ?? ""
            case "input":
                let value = try scanner.value()
                input = String(decoding: scanner.bytes[value.range], as: UTF8.self)
            case "signature": signature = try scanner.text()
            case "data": data = try scanner.text() ?? ""
            default: break
            }
        }
    }

    /// Nil for a kind of block that a translated request cannot cause.
    var content: Neutral.Content? {
        switch type {
        case "text": .text(text)
        case "tool_use": .toolCall(Neutral.ToolCall(id: id, name: name, arguments: input))
        case "thinking":
            .reasoning(
                .text(text, signature: signature == MessagesCodec.unsigned ? nil : signature)
            )
        case "redacted_thinking": .reasoning(.redacted(data))
        default: nil
        }
    }
}

extension JSONScanner {
    /// The next value's text, half surrogate pairs replaced; nil when it is no string.
    mutating func text() throws(JSONScanError) -> String? {
        let value = try value()
        guard value.kind == .string else { return nil }
        return value.string(in: bytes)
            ?? String(decoding: unescaped(bytes, value.content), as: UTF8.self)
    }
}

extension JSONValue {
    /// Between the quotes of a string.
    fileprivate var content: Range<Int> { range.lowerBound + 1..<range.upperBound - 1 }
}
