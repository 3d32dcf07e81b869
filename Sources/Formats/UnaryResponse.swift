import Schema
import Tokenizer

/// What an answer says that was not streamed; its bytes go to the client as they are.
package struct UnaryResponse: Sendable {
    /// Nil when the answer has no usage or is no JSON.
    package let usage: UsageReport?
    /// Bytes of text that the model wrote, decoded.
    package let textBytes: Int64
    /// Whether the body is a JSON object at all; when not, it is no answer that anyone owes for.
    package let isReadable: Bool
    /// Whether it is an answer that the upstream itself calls failed; its usage counts if it has
    /// any, and nothing else does.
    package let hasFailed: Bool
    /// Why it is no answer although it is JSON; nil for an answer.
    ///
    /// It has the upstream's error in place of one, or nothing that an answer of this format has.
    package let error: UpstreamStreamError?

    package init(endpoint: Endpoint, body: [UInt8], cacheWritesAsked: CacheWrites) {
        var text = WrittenText(nil)
        let read = try? read(endpoint, body, cacheWritesAsked, &text)
        usage = read?.usage
        textBytes = read?.textBytes ?? 0
        isReadable = read != nil
        hasFailed = read?.hasFailed ?? false
        error = read?.failure
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
    /// Whether it has what makes an answer of its format, be it empty.
    var isAnswer = false
    var error: UpstreamStreamError?

    /// Why it is no answer: some gateways tell in a 200 that their upstream has failed.
    ///
    /// Beside text that was written an error is the answer's own.
    var failure: UpstreamStreamError? {
        if let error, textBytes == 0 { return error }
        return isAnswer ? nil : .unknown
    }

    var extent: AnswerExtent { AnswerExtent(hasContent: textBytes > 0) }
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
    var usage = ChatUsage(.chat)
    var reading = Reading()
    var choice = 0
    try scanner.fields { scanner, name throws(JSONScanError) in
        switch name {
        case "usage" where try scanner.peek() == UInt8(ascii: "{"): try usage.read(&scanner)
        case "service_tier": try usage.readServiceTier(&scanner)
        case "error": reading.error = try scanner.upstreamError()
        case "choices":
            try scanner.elementsIfArray { scanner throws(JSONScanError) in
                choice += 1
                reading.isAnswer = true
                try readChoice(choice, &scanner, into: &reading, &text)
            }
        default: break
        }
    }
    reading.usage = usage.report(cacheWritesAsked: asked, of: reading.extent)
    return reading
}

private func readChoice(
    _ choice: Int,
    _ scanner: inout JSONScanner,
    into reading: inout Reading,
    _ text: inout WrittenText
) throws(JSONScanError) {
    try scanner.fieldsIfObject { scanner, name throws(JSONScanError) in
        switch name {
        case "message", "text":
            var written = ChatText(choice: choice)
            try written.read(&scanner, into: &text)
            reading.textBytes += written.byteCount
        case "error": reading.error = try scanner.upstreamError() ?? reading.error
        default: break
        }
    }
}

private func readMessage(
    _ scanner: inout JSONScanner,
    _ asked: CacheWrites,
    _ text: inout WrittenText
) throws(JSONScanError) -> Reading {
    var usage = MessagesUsage()
    var reading = Reading()
    try scanner.fields { scanner, name throws(JSONScanError) in
        switch name {
        case "usage" where try scanner.peek() == UInt8(ascii: "{"): try usage.read(&scanner)
        case "error": reading.error = try scanner.upstreamError()
        case "content" where try scanner.peek() == UInt8(ascii: "["):
            reading.isAnswer = true
            try scanner.elements { scanner throws(JSONScanError) in
                reading.textBytes += try scanner.messageText(&text)
            }
        default: break
        }
    }
    reading.usage = usage.report(cacheWritesAsked: asked, of: reading.extent)
    return reading
}

/// A response tells in its status that it has failed, and is an answer all the same.
private func readResponse(
    _ scanner: inout JSONScanner,
    _ asked: CacheWrites,
    _ text: inout WrittenText
) throws(JSONScanError) -> Reading {
    var usage = ChatUsage(.responses)
    var reading = Reading()
    var error: UpstreamStreamError?
    try scanner.fields { scanner, name throws(JSONScanError) in
        switch name {
        case "usage" where try scanner.peek() == UInt8(ascii: "{"): try usage.read(&scanner)
        case "service_tier": try usage.readServiceTier(&scanner)
        case "error": error = try scanner.upstreamError()
        case "output":
            reading.isAnswer = true
            reading.textBytes += try scanner.writtenText(&text, skipping: isNoResponseText)
        case "status":
            let status = try scanner.value()
            reading.isAnswer = status.kind == .string
            reading.hasFailed =
                status.equals("failed", in: scanner.bytes)
                || status.equals("cancelled", in: scanner.bytes)
        default: break
        }
    }
    if !reading.isAnswer { reading.error = error }
    reading.usage = usage.report(cacheWritesAsked: asked, of: reading.extent)
    return reading
}

/// Vectors are no text, in numbers or in base64.
private func readEmbeddings(_ scanner: inout JSONScanner) throws(JSONScanError) -> Reading {
    var usage = ChatUsage(.chat)
    var reading = Reading()
    try scanner.fields { scanner, name throws(JSONScanError) in
        switch name {
        case "usage" where try scanner.peek() == UInt8(ascii: "{"): try usage.read(&scanner)
        case "error": reading.error = try scanner.upstreamError()
        case "data":
            try scanner.elementsIfArray { scanner throws(JSONScanError) in
                try scanner.value()
                reading.isAnswer = true
            }
        default: break
        }
    }
    if reading.isAnswer { reading.error = nil }
    reading.usage = usage.report(
        cacheWritesAsked: .none,
        of: AnswerExtent(hasContent: reading.isAnswer, hasOutputTokens: false)
    )
    return reading
}
