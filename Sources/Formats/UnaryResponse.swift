import Schema
import Tokenizer

/// What an answer says that was not streamed; its bytes go to the client as they are.
package struct UnaryResponse: Sendable {
    /// Always final; nil when the answer has no usage or is no JSON.
    package let usage: UsageReport?
    /// Bytes of text that the model wrote, decoded.
    package let textBytes: Int64
    /// Whether the body is a JSON object at all; when not, it is no answer that anyone owes for.
    package let isReadable: Bool
    /// Whether it is an answer that the upstream itself calls failed; its usage counts if it has
    /// any, and nothing else does.
    package let hasFailed: Bool

    package init(endpoint: Endpoint, body: [UInt8], cacheWritesAsked: CacheWrites) {
        var text = WrittenText(nil)
        let read = try? read(endpoint, body, cacheWritesAsked, &text)
        usage = read?.usage
        textBytes = read?.textBytes ?? 0
        isReadable = read != nil
        hasFailed = read?.hasFailed ?? false
    }

    /// The tokens of the text that the model wrote; nil when the answer cannot be read.
    ///
    /// This may take milliseconds.
    package static func writtenTokens(
        endpoint: Endpoint,
        body: [UInt8],
        vocabulary: Vocabulary
    ) -> Int64? {
        var text = WrittenText(vocabulary)
        guard (try? read(endpoint, body, .none, &text)) != nil else { return nil }
        return text.tokens()
    }
}

private struct Reading {
    var usage: UsageReport?
    var textBytes: Int64 = 0
    var hasFailed = false
}

private func read(
    _ endpoint: Endpoint,
    _ body: [UInt8],
    _ asked: CacheWrites,
    _ text: inout WrittenText
) throws(JSONScanError) -> Reading {
    var scanner = JSONScanner(body)
    let found =
        switch endpoint {
        case .chatCompletions, .completions: try readChat(&scanner, asked, &text)
        case .responses: try readResponse(&scanner, asked, &text)
        case .embeddings: try readEmbeddings(&scanner)
        case .messages: try readMessage(&scanner, asked, &text)
        }
    try scanner.finish()
    return found
}

private func readChat(
    _ scanner: inout JSONScanner,
    _ asked: CacheWrites,
    _ text: inout WrittenText
) throws(JSONScanError) -> Reading {
    var usage = ChatUsage()
    var textBytes: Int64 = 0
    var choice = 0
    try scanner.fields { scanner, name throws(JSONScanError) in
        switch name {
        case "usage" where try scanner.peek() == UInt8(ascii: "{"): try usage.read(&scanner)
        case "service_tier": try usage.readServiceTier(&scanner)
        case "choices":
            try scanner.elementsIfArray { scanner throws(JSONScanError) in
                choice += 1
                try scanner.fieldsIfObject { scanner, name throws(JSONScanError) in
                    guard "message" ~= name || "text" ~= name else { return }
                    textBytes += try scanner.writtenText(
                        &text,
                        strand: choice,
                        skipping: ChatChunk.isNoText
                    )
                }
            }
        default: break
        }
    }
    return Reading(
        usage: usage.report(cacheWritesAsked: asked, isFinal: true),
        textBytes: textBytes
    )
}

private func readMessage(
    _ scanner: inout JSONScanner,
    _ asked: CacheWrites,
    _ text: inout WrittenText
) throws(JSONScanError) -> Reading {
    var usage = MessagesUsage()
    var textBytes: Int64 = 0
    try scanner.fields { scanner, name throws(JSONScanError) in
        switch name {
        case "usage" where try scanner.peek() == UInt8(ascii: "{"): try usage.read(&scanner)
        case "content":
            textBytes += try scanner.writtenText(&text, skipping: MessageEvent.isNoText)
        default: break
        }
    }
    return Reading(
        usage: usage.report(cacheWritesAsked: asked, isFinal: true),
        textBytes: textBytes
    )
}

private func readResponse(
    _ scanner: inout JSONScanner,
    _ asked: CacheWrites,
    _ text: inout WrittenText
) throws(JSONScanError) -> Reading {
    var usage = ChatUsage()
    var reading = Reading()
    try scanner.fields { scanner, name throws(JSONScanError) in
        switch name {
        case "usage" where try scanner.peek() == UInt8(ascii: "{"): try usage.read(&scanner)
        case "service_tier": try usage.readServiceTier(&scanner)
        case "output":
            reading.textBytes += try scanner.writtenText(&text, skipping: isNoResponseText)
        case "status":
            let status = try scanner.value()
            reading.hasFailed =
                status.equals("failed", in: scanner.bytes)
                || status.equals("cancelled", in: scanner.bytes)
        default: break
        }
    }
    reading.usage = usage.report(cacheWritesAsked: asked, isFinal: true)
    return reading
}

/// Vectors are no text, in numbers or in base64.
private func readEmbeddings(_ scanner: inout JSONScanner) throws(JSONScanError) -> Reading {
    var usage = ChatUsage()
    try scanner.fields { scanner, name throws(JSONScanError) in
        guard "usage" ~= name, try scanner.peek() == UInt8(ascii: "{") else { return }
        try usage.read(&scanner)
    }
    let report = usage.report(cacheWritesAsked: .none, isFinal: true, hasOutput: false)
    return Reading(usage: report)
}
