import Schema
import Tokenizer

/// Relays the chunks of an OpenAI chat completion, or of its older sibling without a chat.
///
/// The upstream is always asked for usage. For a client that did not ask, the chunk that carries
/// nothing else is hidden, and `"usage":null` is cut out of the others. Usage is read wherever it
/// stands: on a chunk of its own, with the finish reason, or on every chunk.
package struct ChatStreamRelay: StreamRelay {
    package private(set) var notices = StreamNotices()
    private let wantsUsage: Bool
    private let choices: Int64
    private let cacheWritesAsked: CacheWrites
    private var decoder: ServerSentEventDecoder
    private var text: WrittenText
    private var reported = ChatUsage(.chat)
    /// Whether no text has come since usage was told: before that it is a running count.
    private var isUsageCurrent = false
    /// One bit for each choice that has finished.
    private var finishedChoices: UInt128 = 0
    /// The first chunk with a choice, after which one of our own is made.
    private var firstChunk: [UInt8] = []

    package init(
        wantsUsage: Bool,
        choices: Int64 = 1,
        cacheWritesAsked: CacheWrites = .none,
        vocabulary: Vocabulary? = nil,
        eventBytesMax: Int = ServerSentEventDecoder.eventBytesMax
    ) {
        self.wantsUsage = wantsUsage
        self.choices = choices
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
        var event = Array("data: ".utf8)
        event += error.body(.openAI, requestID: requestID)
        event.append(raw: "\n\n")
        return event
    }

    package func lengthEnd(reporting usage: UsageReport) -> [UInt8]? {
        let unfinished = (0..<choices).filter { finishedChoices & (1 << $0) == 0 }
        return ChatChunkFrame(of: firstChunk)?.lengthEnd(
            of: unfinished,
            reporting: wantsUsage ? usage : nil
        )
    }

    package mutating func relay(
        _ chunk: [UInt8],
        into output: inout [UInt8]
    ) throws(ServerSentEventError) {
        decoder.append(chunk)
        // Neighbouring events that pass unchanged are forwarded as one run of bytes.
        var run = 0..<0
        defer { output += decoder.buffer[run] }
        while let event = try decoder.next() {
            let passage = read(event)
            if passage == .whole {
                run = run.lowerBound..<event.raw.upperBound
                continue
            }
            output += decoder.buffer[run]
            run = event.raw.upperBound..<event.raw.upperBound
            forward(event, passage, into: &output)
        }
    }

    package mutating func finish(into output: inout [UInt8]) {
        guard let event = decoder.finish() else { return }
        let before = (notices: notices, text: text)
        let passage = read(event)
        guard event.data != nil, notices.unreadableEvents == before.notices.unreadableEvents else {
            (notices, text) = before
            notices.endedInsideEvent = true
            return
        }
        guard passage != .hidden else { return }
        forward(event, passage, into: &output)
        output.append(raw: "\n\n")
    }

    // MARK: Reading

    /// How an event goes to the client.
    private enum Passage: Equatable {
        case whole
        case hidden
        /// Without this part of its payload.
        case without(Range<Int>)
    }

    private mutating func read(_ event: ServerSentEvent) -> Passage {
        let isBroken = notices.upstreamError != nil
        guard let (bytes, range) = decoder.payload(of: event), !range.isEmpty else {
            return isBroken ? .hidden : .whole
        }
        if bytes[range].starts(with: "[DONE]".utf8) {
            notices.hasTerminated = true
            return isBroken ? .hidden : .whole
        }
        let isNamedError = event.isNamed("error", in: decoder.buffer)
        var chunk = ChatChunk()
        do throws(JSONScanError) {
            var scanner = JSONScanner(bytes, in: range)
            try chunk.read(&scanner, usage: &reported, text: &text)
            try scanner.finish()
        } catch {
            text.giveUp()
            notices.noteUnreadable(bytes[range], isError: isNamedError)
            return notices.upstreamError != nil ? .hidden : .whole
        }
        if firstChunk.isEmpty, chunk.choiceCount > 0 { firstChunk = Array(bytes[range]) }
        note(chunk)
        if isNamedError, notices.upstreamError == nil { notices.upstreamError = .unknown }
        if notices.upstreamError != nil { return .hidden }
        return passage(of: chunk, bytes)
    }

    private mutating func note(_ chunk: ChatChunk) {
        notices.noteText(bytes: chunk.textBytes)
        finishedChoices |= chunk.finishedChoices
        notices.hasFinished = finishedChoices.nonzeroBitCount >= choices
        if chunk.hasUsage {
            isUsageCurrent = true
        } else if chunk.textBytes > 0 {
            isUsageCurrent = false
        }
        if notices.upstreamError == nil { notices.upstreamError = chunk.error }
    }

    private func passage(of chunk: ChatChunk, _ bytes: [UInt8]) -> Passage {
        guard !wantsUsage else { return .whole }
        if chunk.hasUsage { return chunk.choiceCount == 0 ? .hidden : .whole }
        return chunk.nullUsage.map { .without(member($0, in: bytes)) } ?? .whole
    }

    // MARK: Forwarding

    private func forward(
        _ event: ServerSentEvent,
        _ passage: Passage,
        into output: inout [UInt8]
    ) {
        switch passage {
        case .whole:
            output += decoder.buffer[event.raw]
        case .hidden:
            return
        case .without(let part):
            guard let (bytes, range) = decoder.payload(of: event) else { return }
            if event.dataLineCount == 1 {
                output += bytes[event.raw.lowerBound..<part.lowerBound]
                output += bytes[part.upperBound..<event.raw.upperBound]
            } else {
                // Line breaks between the lines of JSON are white space.
                let rest =
                    bytes[range.lowerBound..<part.lowerBound]
                    + bytes[part.upperBound..<range.upperBound]
                output.append(raw: "data: ")
                output += rest.map { $0 == lineFeed ? 0x20 : $0 }
                output.append(raw: "\n\n")
            }
        }
    }

    /// The range of a member and of one comma next to it.
    private func member(_ member: Range<Int>, in bytes: [UInt8]) -> Range<Int> {
        let isSpace = { (byte: UInt8) in byte == 0x20 || (0x09...0x0d).contains(byte) }
        let before = bytes[..<member.lowerBound].lastIndex { !isSpace($0) }
        if let before, bytes[before] == UInt8(ascii: ",") { return before..<member.upperBound }
        let after = bytes[member.upperBound...].firstIndex { !isSpace($0) }
        if let after, bytes[after] == UInt8(ascii: ",") { return member.lowerBound..<after + 1 }
        return member
    }
}

/// What one chunk says.
struct ChatChunk {
    var choiceCount = 0
    var finishedChoices: UInt128 = 0
    var textBytes: Int64 = 0
    var hasUsage = false
    /// The member `"usage":null`, from its name's quote to its value's end.
    var nullUsage: Range<Int>?
    var error: UpstreamStreamError?

    mutating func read(
        _ scanner: inout JSONScanner,
        usage: inout ChatUsage,
        text: inout WrittenText
    ) throws(JSONScanError) {
        try scanner.fields { scanner, name throws(JSONScanError) in
            switch name {
            case "choices":
                try scanner.elementsIfArray { scanner throws(JSONScanError) in
                    choiceCount += 1
                    try readChoice(&scanner, text: &text)
                }
            case "usage":
                if try scanner.peek() == UInt8(ascii: "{") {
                    hasUsage = true
                    try usage.read(&scanner)
                } else if try scanner.value().kind == .null {
                    nullUsage = name.range.lowerBound - 1..<scanner.index
                }
            case "service_tier": try usage.readServiceTier(&scanner)
            case "error": error = try scanner.upstreamError()
            default: break
            }
        }
    }

    private mutating func readChoice(
        _ scanner: inout JSONScanner,
        text: inout WrittenText
    ) throws(JSONScanError) {
        var index: Int64 = 0
        var hasFinished = false
        try scanner.fieldsIfObject { scanner, name throws(JSONScanError) in
            switch name {
            case "index": index = try scanner.value().integer(in: scanner.bytes) ?? 0
            case "finish_reason": hasFinished = try scanner.value().isReason
            case "delta", "text":
                var written = ChatText(choice: Int(truncatingIfNeeded: index))
                try written.read(&scanner, into: &text)
                textBytes += written.byteCount
            default: break
            }
        }
        if hasFinished, (0..<CallFacts.choicesMax).contains(index) { finishedChoices |= 1 << index }
    }
}
