import Schema
import Tokenizer

/// Relays the events of an OpenAI response, every one byte for byte but an error.
///
/// Usage stands in the event that ends the response, whichever of its ends it is: completed,
/// incomplete, failed or cancelled.
package struct ResponsesStreamRelay: StreamRelay {
    package private(set) var notices = StreamNotices()
    private let cacheWritesAsked: CacheWrites
    private var decoder: ServerSentEventDecoder
    private var text: WrittenText
    private var reported = ChatUsage(.responses)
    /// Whether the usage stood in the response's end, and not in a running count.
    private var isUsageFinal = false
    private var sequenceNumberNext: Int64 = 0

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
            of: AnswerExtent(isWhole: isUsageFinal, hasContent: notices.hasContent)
        )
    }

    package var hasTextToCount: Bool { text.isFull }
    package mutating func countText() { text.settle() }
    package mutating func writtenTokens() -> Int64? { text.tokens() }

    package func breakOff(with error: APIError, requestID: String) -> [UInt8] {
        error.responsesEvent(sequenceNumber: sequenceNumberNext)
    }

    /// None: the event that ends a response repeats all of its output.
    package func lengthEnd(reporting usage: UsageReport) -> [UInt8]? { nil }

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
        if bytes[range].starts(with: "[DONE]".utf8) {
            // Some servers end every stream so; without a response's end it says nothing.
            if notices.hasFinished { notices.hasTerminated = true }
            return
        }
        let isNamedError = event.isNamed("error", in: decoder.buffer)
        var body = ResponseEvent()
        do throws(JSONScanError) {
            var scanner = JSONScanner(bytes, in: range)
            try body.read(&scanner, usage: &reported, text: &text)
            try scanner.finish()
        } catch {
            text.giveUp()
            notices.noteUnreadable(bytes[range], isError: isNamedError)
            return
        }
        note(body, isNamedError: isNamedError)
    }

    private mutating func note(_ body: ResponseEvent, isNamedError: Bool) {
        notices.noteText(bytes: body.textBytes)
        if let number = body.sequenceNumber { sequenceNumberNext = max(number, 0) &+ 1 }
        if body.kind.isEnd {
            notices.hasFinished = true
            if body.hasUsage { isUsageFinal = true }
        }
        switch body.kind {
        case .completed, .incomplete:
            notices.hasTerminated = true
        case .failed, .error:
            notices.noteError(body.error)
        case .delta, .other:
            if isNamedError || body.topLevelError != nil { notices.noteError(body.error) }
        }
    }
}

/// What one event says, whatever the order of its fields.
struct ResponseEvent {
    enum Kind {
        case completed
        case incomplete
        /// Failed or cancelled.
        case failed
        case error
        /// A piece of what the model writes.
        case delta
        case other

        var isEnd: Bool { self == .completed || self == .incomplete || self == .failed }
    }

    private(set) var kind = Kind.other
    private(set) var hasUsage = false
    private(set) var sequenceNumber: Int64?
    private var deltaBytes: Int64 = 0
    private(set) var topLevelError: UpstreamStreamError?
    private var responseError: UpstreamStreamError?
    /// The flat error of `{"type":"error","code":…,"message":…}`.
    private var message: String?
    private var code: String?

    var textBytes: Int64 { kind == .delta ? deltaBytes : 0 }

    var error: UpstreamStreamError {
        if let error = topLevelError ?? responseError { return error }
        guard message != nil || code != nil else { return .unknown }
        return UpstreamStreamError(type: code, message: message)
    }

    mutating func read(
        _ scanner: inout JSONScanner,
        usage: inout ChatUsage,
        text: inout WrittenText
    ) throws(JSONScanError) {
        try scanner.fields { scanner, name throws(JSONScanError) in
            switch name {
            case "type": kind = Self.kind(try scanner.value(), scanner.bytes)
            case "sequence_number":
                sequenceNumber = try scanner.value().integer(in: scanner.bytes)
            case "delta": deltaBytes = try scanner.writtenText(&text) { _ in false }
            case "response": try readResponse(&scanner, usage: &usage)
            case "error": topLevelError = try scanner.upstreamError()
            case "message": message = try scanner.value().shortText(in: scanner.bytes)
            case "code": code = try scanner.value().shortText(in: scanner.bytes)
            default: break
            }
        }
    }

    private mutating func readResponse(
        _ scanner: inout JSONScanner,
        usage: inout ChatUsage
    ) throws(JSONScanError) {
        try scanner.fieldsIfObject { scanner, name throws(JSONScanError) in
            switch name {
            case "usage" where try scanner.peek() == UInt8(ascii: "{"):
                hasUsage = true
                try usage.read(&scanner)
            case "service_tier": try usage.readServiceTier(&scanner)
            case "error": responseError = try scanner.upstreamError()
            default: break
            }
        }
    }

    private static func kind(_ type: JSONValue, _ bytes: [UInt8]) -> Kind {
        guard type.kind == .string else { return .other }
        let text = bytes[(type.range.lowerBound + 1)..<(type.range.upperBound - 1)]
        if text.elementsEqual("error".utf8) { return .error }
        if text.suffix(6).elementsEqual(".delta".utf8) { return .delta }
        guard text.starts(with: "response.".utf8) else { return .other }
        let rest = text.dropFirst(9)
        if rest.elementsEqual("completed".utf8) { return .completed }
        if rest.elementsEqual("incomplete".utf8) { return .incomplete }
        if rest.elementsEqual("failed".utf8) || rest.elementsEqual("cancelled".utf8) {
            return .failed
        }
        return .other
    }
}

/// Fields of a response's output that the model did not write.
func isNoResponseText(_ name: JSONName) -> Bool {
    switch name {
    case "type", "id", "call_id", "status", "role", "annotations", "encrypted_content",
        "logprobs", "phase":
        true
    default: false
    }
}
