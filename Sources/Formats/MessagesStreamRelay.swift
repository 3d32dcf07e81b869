import Schema
import Tokenizer

/// Relays the events of an Anthropic message, every one byte for byte but an error.
package struct MessagesStreamRelay: StreamRelay {
    package private(set) var notices = StreamNotices()
    private let cacheWritesAsked: CacheWrites
    private var decoder: ServerSentEventDecoder
    private var text: WrittenText
    private var reported = MessagesUsage()
    /// Whether no text has come since a `message_delta` told usage: what `message_start` tells is
    /// only a beginning.
    private var isUsageCurrent = false
    private var hasStarted = false
    /// The content block that has begun and not ended.
    private var openBlock: Int64?

    package init(
        cacheWritesAsked: CacheWrites = .none,
        vocabulary: Vocabulary? = nil,
        eventBytesMax: Int = ServerSentEventDecoder.eventBytesMax
    ) {
        self.cacheWritesAsked = cacheWritesAsked
        decoder = ServerSentEventDecoder(eventBytesMax: eventBytesMax)
        text = WrittenText(vocabulary)
    }

    package var usage: UsageReport? {
        reported.report(
            cacheWritesAsked: cacheWritesAsked,
            of: AnswerExtent(
                isWhole: notices.hasEnded && isUsageCurrent,
                hasContent: notices.hasContent
            )
        )
    }

    package var hasTextToCount: Bool { text.isFull }
    package mutating func countText() { text.settle() }
    package mutating func writtenTokens() -> Int64? { text.tokens() }

    package func breakOff(with error: APIError, requestID: String) -> [UInt8] {
        var event = Array("event: error\ndata: ".utf8)
        event += error.body(.anthropic, requestID: requestID)
        event.append(raw: "\n\n")
        return event
    }

    package func lengthEnd(reporting usage: UsageReport) -> [UInt8]? {
        guard hasStarted else { return nil }
        var output: [UInt8] = []
        if let openBlock { MessagesStreamWriter.close(block: openBlock, into: &output) }
        MessagesStreamWriter.finish(.length, usage, into: &output)
        return output
    }

    package mutating func relay(
        _ chunk: [UInt8],
        into output: inout [UInt8]
    ) throws(ServerSentEventError) {
        decoder.append(chunk)
        // Events pass unchanged until an error, so they leave as one run of bytes.
        var forwarded = 0
        defer { output += decoder.buffer[..<forwarded] }
        while let event = try decoder.next() {
            read(event)
            if notices.upstreamError == nil { forwarded = event.raw.upperBound }
        }
    }

    package mutating func finish(into output: inout [UInt8]) {
        guard let event = decoder.finish() else { return }
        let before = (notices: notices, text: text)
        read(event)
        guard event.data != nil, notices.unreadableEvents == before.notices.unreadableEvents else {
            (notices, text) = before
            notices.endedInsideEvent = true
            return
        }
        guard notices.upstreamError == nil else { return }
        output += decoder.buffer[event.raw]
        output.append(raw: "\n\n")
    }

    private mutating func read(_ event: ServerSentEvent) {
        guard let (bytes, range) = decoder.payload(of: event), !range.isEmpty else { return }
        let isNamedError = event.isNamed("error", in: decoder.buffer)
        var body = MessageEvent()
        do throws(JSONScanError) {
            var scanner = JSONScanner(bytes, in: range)
            try body.read(&scanner, usage: &reported, text: &text)
            try scanner.finish()
        } catch {
            text.giveUp()
            notices.noteUnreadable(bytes[range], isError: isNamedError)
            return
        }
        notices.noteText(bytes: body.textBytes)
        if body.hasStopReason { notices.hasFinished = true }
        if body.isStop { notices.hasTerminated = true }
        if body.hasUsage {
            isUsageCurrent = true
        } else if body.textBytes > 0 {
            isUsageCurrent = false
        }
        if body.isStart { hasStarted = true }
        if let block = body.block { openBlock = body.hasContent ? block : nil }
        if notices.upstreamError == nil, body.isError || isNamedError || body.error != nil {
            notices.upstreamError = body.error ?? .unknown
        }
    }
}

/// What one event says, whatever the order of its fields.
struct MessageEvent {
    var isStop = false
    var isError = false
    var hasStopReason = false
    /// Usage beside the delta, not that of the message at the start.
    var hasUsage = false
    /// Whether it brings the message that the stream goes on to write.
    var isStart = false
    /// The content block that it belongs to, and whether it begins or continues that; an event
    /// that only names a block ends it.
    var block: Int64?
    var hasContent = false
    var textBytes: Int64 = 0
    var error: UpstreamStreamError?

    mutating func read(
        _ scanner: inout JSONScanner,
        usage: inout MessagesUsage,
        text: inout WrittenText
    ) throws(JSONScanError) {
        try scanner.fields { scanner, name throws(JSONScanError) in
            switch name {
            case "type":
                let type = try scanner.value()
                isStop = type.equals("message_stop", in: scanner.bytes)
                isError = type.equals("error", in: scanner.bytes)
            case "index": block = try scanner.value().integer(in: scanner.bytes)
            case "message":
                isStart = true
                try scanner.fieldsIfObject { scanner, name throws(JSONScanError) in
                    guard "usage" ~= name else { return }
                    _ = try Self.readUsage(&scanner, into: &usage)
                }
            case "usage": hasUsage = try Self.readUsage(&scanner, into: &usage)
            case "delta":
                hasContent = true
                try readDelta(&scanner, text: &text)
            case "content_block":
                hasContent = true
                textBytes += try scanner.messageText(&text)
            case "error": error = try scanner.upstreamError()
            default: break
            }
        }
    }

    private static func readUsage(
        _ scanner: inout JSONScanner,
        into usage: inout MessagesUsage
    ) throws(JSONScanError) -> Bool {
        guard try scanner.peek() == UInt8(ascii: "{") else { return false }
        try usage.read(&scanner)
        return true
    }

    private mutating func readDelta(
        _ scanner: inout JSONScanner,
        text: inout WrittenText
    ) throws(JSONScanError) {
        try scanner.fieldsIfObject { scanner, name throws(JSONScanError) in
            if "stop_reason" ~= name {
                hasStopReason = try scanner.value().isReason
            } else {
                textBytes += try scanner.messageText(of: name, &text)
            }
        }
    }
}
