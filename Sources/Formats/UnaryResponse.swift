import Schema

/// What an answer says that was not streamed; its bytes go to the client as they are.
package struct UnaryResponse: Sendable {
    /// Always final; nil when the answer has no usage or is no JSON.
    package let usage: UsageReport?
    /// Bytes of text that the model wrote, decoded.
    package let textBytes: Int64
    /// Whether the body is a JSON object at all; when not, it is no answer that anyone owes for.
    package let isReadable: Bool

    package init(endpoint: Endpoint, body: [UInt8], cacheWritesAsked: CacheWrites) {
        let read = try? read(endpoint, body, cacheWritesAsked)
        (usage, textBytes) = read ?? (nil, 0)
        isReadable = read != nil
    }
}

private func read(
    _ endpoint: Endpoint,
    _ body: [UInt8],
    _ asked: CacheWrites
) throws(JSONScanError) -> (UsageReport?, Int64) {
    var scanner = JSONScanner(body)
    let found =
        switch endpoint {
        case .chatCompletions: try readChat(&scanner, asked)
        case .messages: try readMessage(&scanner, asked)
        }
    try scanner.finish()
    return found
}

private func readChat(
    _ scanner: inout JSONScanner,
    _ asked: CacheWrites
) throws(JSONScanError) -> (UsageReport?, Int64) {
    var usage = ChatUsage()
    var textBytes: Int64 = 0
    try scanner.fields { scanner, name throws(JSONScanError) in
        switch name {
        case "usage" where try scanner.peek() == UInt8(ascii: "{"): try usage.read(&scanner)
        case "service_tier": try usage.readServiceTier(&scanner)
        case "choices":
            try scanner.elementsIfArray { scanner throws(JSONScanError) in
                try scanner.fieldsIfObject { scanner, name throws(JSONScanError) in
                    guard "message" ~= name else { return }
                    textBytes += try scanner.textLength(skipping: ChatChunk.isNoText)
                }
            }
        default: break
        }
    }
    return (usage.report(cacheWritesAsked: asked, isFinal: true), textBytes)
}

private func readMessage(
    _ scanner: inout JSONScanner,
    _ asked: CacheWrites
) throws(JSONScanError) -> (UsageReport?, Int64) {
    var usage = MessagesUsage()
    var textBytes: Int64 = 0
    try scanner.fields { scanner, name throws(JSONScanError) in
        switch name {
        case "usage" where try scanner.peek() == UInt8(ascii: "{"): try usage.read(&scanner)
        case "content": textBytes += try scanner.textLength(skipping: MessageEvent.isNoText)
        default: break
        }
    }
    return (usage.report(cacheWritesAsked: asked, isFinal: true), textBytes)
}
