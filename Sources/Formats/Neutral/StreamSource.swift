import Schema
import Tokenizer

/// Reads the events of an upstream's stream as neutral ones.
protocol StreamSource: Sendable {
    var notices: StreamNotices { get set }
    /// What the model wrote, to count its tokens.
    var written: WrittenText { get set }
    var usage: UsageReport? { get }

    /// Reads the payload of one event.
    mutating func read(
        _ bytes: [UInt8],
        _ range: Range<Int>,
        into events: inout [Neutral.StreamEvent]
    ) throws(JSONScanError)

    /// Takes the end of the upstream's stream: the answer ends with it if the model has finished.
    mutating func finish(into events: inout [Neutral.StreamEvent])

    /// Ends the answer here as if its output cap were reached.
    mutating func endForLength(
        reporting usage: UsageReport,
        into events: inout [Neutral.StreamEvent]
    )
}

/// Chunks of an OpenAI chat completion, of one choice.
struct ChatStreamSource: StreamSource {
    private static let textKey = -1
    private static let reasoningKey = -2
    private static let refusalKey = -3

    var notices = StreamNotices()
    var written: WrittenText
    private let cacheWritesAsked: CacheWrites
    private var reported = ChatUsage(.chat)
    /// Whether no text has come since usage was told: before that it is a running count.
    private var isUsageCurrent = false
    private var blocks = BlockSequencer()
    private var calls: [Call] = []
    private var hasStarted = false
    private var stop: Neutral.Stop?
    private var hasEnded = false

    /// A call of a tool, by the index and the identifier that the upstream gave it.
    private struct Call {
        let index: Int64
        let id: [UInt8]
    }

    init(cacheWritesAsked: CacheWrites, counting vocabulary: Vocabulary?) {
        self.cacheWritesAsked = cacheWritesAsked
        written = WrittenText(vocabulary)
    }

    var usage: UsageReport? {
        reported.report(
            cacheWritesAsked: cacheWritesAsked,
            of: AnswerExtent(
                isWhole: notices.hasEnded && isUsageCurrent,
                hasContent: notices.hasContent
            )
        )
    }

    mutating func read(
        _ bytes: [UInt8],
        _ range: Range<Int>,
        into events: inout [Neutral.StreamEvent]
    ) throws(JSONScanError) {
        if bytes[range].starts(with: "[DONE]".utf8) {
            // What has no finish does not end with the marker: its client is told that it broke off.
            if stop != nil { notices.hasTerminated = true }
            return end(into: &events)
        }
        var hasUsage = false
        var text: Int64 = 0
        var scanner = JSONScanner(bytes, in: range)
        try scanner.fields { scanner, name throws(JSONScanError) in
            switch name {
            case "choices":
                try scanner.elementsIfArray { scanner throws(JSONScanError) in
                    text += try readChoice(&scanner, into: &events)
                }
            case "usage" where try scanner.peek() == UInt8(ascii: "{"):
                hasUsage = true
                try reported.read(&scanner)
            case "service_tier": try reported.readServiceTier(&scanner)
            case "error":
                if let error = try scanner.upstreamError() { notices.noteError(error) }
            default: break
            }
        }
        try scanner.finish()
        notices.noteText(bytes: text)
        if stop != nil { notices.hasFinished = true }
        if hasUsage {
            isUsageCurrent = true
        } else if text > 0 {
            isUsageCurrent = false
        }
    }

    mutating func finish(into events: inout [Neutral.StreamEvent]) {
        if stop != nil { end(into: &events) }
    }

    mutating func endForLength(
        reporting usage: UsageReport,
        into events: inout [Neutral.StreamEvent]
    ) {
        guard !hasEnded else { return }
        hasEnded = true
        start(into: &events)
        blocks.finish(into: &events)
        events.append(.finish(.length, usage))
    }

    private mutating func end(into events: inout [Neutral.StreamEvent]) {
        guard let stop, !hasEnded else { return }
        hasEnded = true
        start(into: &events)
        blocks.finish(into: &events)
        let reason = stop.considering(
            hasToolCalls: blocks.hasToolCalls,
            hasRefusal: blocks.hasRefusal
        )
        events.append(.finish(reason, usage))
    }

    private mutating func start(into events: inout [Neutral.StreamEvent]) {
        if hasStarted { return }
        hasStarted = true
        events.append(.start)
    }

    private mutating func readChoice(
        _ scanner: inout JSONScanner,
        into events: inout [Neutral.StreamEvent]
    ) throws(JSONScanError) -> Int64 {
        var text: Int64 = 0
        start(into: &events)
        try scanner.fieldsIfObject { scanner, name throws(JSONScanError) in
            switch name {
            case "delta": text += try readDelta(&scanner, into: &events)
            case "finish_reason":
                let value = try scanner.value()
                if value.isReason, let word = value.string(in: scanner.bytes) {
                    stop = .init(chat: word)
                }
            default: break
            }
        }
        return text
    }

    private mutating func readDelta(
        _ scanner: inout JSONScanner,
        into events: inout [Neutral.StreamEvent]
    ) throws(JSONScanError) -> Int64 {
        var text: Int64 = 0
        var hasReasoning = false
        try scanner.fieldsIfObject { scanner, name throws(JSONScanError) in
            switch name {
            case "content":
                text += try piece(Self.textKey, .text, &scanner, into: &events)
            case "refusal":
                text += try piece(Self.refusalKey, .refusal, &scanner, into: &events)
            case "reasoning_content", "reasoning":
                // Some servers say the same under both names.
                if hasReasoning { return }
                let length = try piece(Self.reasoningKey, .reasoning, &scanner, into: &events)
                hasReasoning = length > 0
                text += length
            case "tool_calls":
                try scanner.elementsIfArray { scanner throws(JSONScanError) in
                    text += try readCall(&scanner, into: &events)
                }
            default: break
            }
        }
        return text
    }

    private mutating func piece(
        _ key: Int,
        _ block: Neutral.Block,
        _ scanner: inout JSONScanner,
        into events: inout [Neutral.StreamEvent]
    ) throws(JSONScanError) -> Int64 {
        guard let (range, isPlain) = try scanner.stringIfAny(), !range.isEmpty else { return 0 }
        if !blocks.has(key) { blocks.open(key, block, yields: true, into: &events) }
        blocks.piece(key, scanner.bytes[range], into: &events)
        written.append(scanner.bytes, range, isPlain: isPlain, strand: key)
        return isPlain ? Int64(range.count) : scanner.decodedLength(of: range)
    }

    private mutating func readCall(
        _ scanner: inout JSONScanner,
        into events: inout [Neutral.StreamEvent]
    ) throws(JSONScanError) -> Int64 {
        var index: Int64?
        var id: ArraySlice<UInt8> = []
        var callee: ArraySlice<UInt8> = []
        var arguments: ArraySlice<UInt8> = []
        var length: Int64 = 0
        try scanner.fieldsIfObject { scanner, name throws(JSONScanError) in
            switch name {
            case "index": index = try scanner.value().integer(in: scanner.bytes)
            case "id":
                if let (range, _) = try scanner.stringIfAny() { id = scanner.bytes[range] }
            case "function":
                try scanner.fieldsIfObject { scanner, name throws(JSONScanError) in
                    switch name {
                    case "name":
                        if let (range, _) = try scanner.stringIfAny() {
                            callee = scanner.bytes[range]
                            length += Int64(range.count)
                        }
                    case "arguments":
                        if let (range, isPlain) = try scanner.stringIfAny() {
                            arguments = scanner.bytes[range]
                            length +=
                                isPlain
                                ? Int64(range.count) : scanner.decodedLength(of: range)
                        }
                    default: break
                    }
                }
            default: break
            }
        }
        // An array's slice has the indices of its array, so it can be taken up as a range of it.
        let strand = Int(clamping: index ?? 0)
        for text in [callee, arguments] {
            let isPlain = !text.contains(backslash)
            written.append(scanner.bytes, text.indices, isPlain: isPlain, strand: strand)
        }
        let key = key(index: index, id: id, name: callee, into: &events)
        if let key { blocks.piece(key, arguments, into: &events) }
        return length
    }

    /// The call that a piece belongs to, which it may begin.
    ///
    /// Some servers give every call the index 0, or none; then the identifier tells them apart.
    private mutating func key(
        index: Int64?,
        id: ArraySlice<UInt8>,
        name: ArraySlice<UInt8>,
        into events: inout [Neutral.StreamEvent]
    ) -> Int? {
        let known =
            index.map { index in calls.lastIndex { $0.index == index } } ?? calls.indices.last
        if let known, id.isEmpty || name.isEmpty || calls[known].id.elementsEqual(id) {
            return known
        }
        // Arguments of a call that nothing has named are of no use to anyone.
        if name.isEmpty { return nil }
        let id = id.isEmpty ? Array("call_\(calls.count)".utf8) : Array(id)
        calls.append(Call(index: index ?? Int64(calls.count), id: id))
        let key = calls.count - 1
        blocks.open(key, .toolCall(id: id[...], name: name), yields: false, into: &events)
        return key
    }
}

/// Events of an Anthropic message.
struct MessagesStreamSource: StreamSource {
    var notices = StreamNotices()
    var written: WrittenText
    private let cacheWritesAsked: CacheWrites
    private var reported = MessagesUsage()
    /// Whether no text has come since a `message_delta` told usage: what `message_start` tells is
    /// only a beginning.
    private var isUsageCurrent = false
    private var blocks = BlockSequencer()
    private var hasStarted = false
    private var stop: Neutral.Stop?
    private var hasEnded = false

    init(cacheWritesAsked: CacheWrites, counting vocabulary: Vocabulary?) {
        self.cacheWritesAsked = cacheWritesAsked
        written = WrittenText(vocabulary)
    }

    var usage: UsageReport? {
        reported.report(
            cacheWritesAsked: cacheWritesAsked,
            of: AnswerExtent(
                isWhole: notices.hasEnded && isUsageCurrent,
                hasContent: notices.hasContent
            )
        )
    }

    mutating func read(
        _ bytes: [UInt8],
        _ range: Range<Int>,
        into events: inout [Neutral.StreamEvent]
    ) throws(JSONScanError) {
        var event = MessageStreamEvent()
        var scanner = JSONScanner(bytes, in: range)
        try event.read(&scanner, usage: &reported)
        try scanner.finish()
        if event.hasUsage {
            isUsageCurrent = true
        } else if event.textBytes > 0 {
            isUsageCurrent = false
        }
        if let reason = event.stopReason {
            stop = .init(message: reason, sequence: event.stopSequence)
            notices.hasFinished = true
        }
        if event.type.elementsEqual("error".utf8) || event.error != nil {
            return notices.noteError(event.error ?? .unknown)
        }
        if event.type.elementsEqual("message_stop".utf8) {
            notices.hasTerminated = true
            return end(into: &events)
        }
        pass(event, scanner, into: &events)
    }

    private mutating func pass(
        _ event: MessageStreamEvent,
        _ scanner: JSONScanner,
        into events: inout [Neutral.StreamEvent]
    ) {
        if event.type.elementsEqual("message_start".utf8) { return start(into: &events) }
        let key = Int(clamping: event.index)
        if event.type.elementsEqual("content_block_start".utf8) {
            start(into: &events)
            guard let block = event.block else { return }
            blocks.open(key, block, yields: false, into: &events)
            blocks.piece(key, event.text, into: &events)
            blocks.signature(key, event.signature, into: &events)
        } else if event.type.elementsEqual("content_block_delta".utf8) {
            start(into: &events)
            // Some servers send no start for a text.
            if !blocks.has(key) {
                guard let block = event.impliedBlock else { return }
                blocks.open(key, block, yields: false, into: &events)
            }
            blocks.piece(key, event.text, into: &events)
            blocks.signature(key, event.signature, into: &events)
        } else if event.type.elementsEqual("content_block_stop".utf8) {
            blocks.close(key, into: &events)
        }
        for text in [event.name, event.text] {
            let content = Array(text)
            let isPlain = !content.contains(backslash)
            written.append(content, content.indices, isPlain: isPlain, strand: key)
        }
        notices.noteText(bytes: event.textBytes)
    }

    mutating func finish(into events: inout [Neutral.StreamEvent]) {
        if stop != nil { end(into: &events) }
    }

    mutating func endForLength(
        reporting usage: UsageReport,
        into events: inout [Neutral.StreamEvent]
    ) {
        guard !hasEnded else { return }
        hasEnded = true
        start(into: &events)
        blocks.finish(into: &events)
        events.append(.finish(.length, usage))
    }

    private mutating func end(into events: inout [Neutral.StreamEvent]) {
        guard !hasEnded else { return }
        hasEnded = true
        start(into: &events)
        blocks.finish(into: &events)
        let reason = (stop ?? .end).considering(
            hasToolCalls: blocks.hasToolCalls,
            hasRefusal: false
        )
        events.append(.finish(reason, usage))
    }

    private mutating func start(into events: inout [Neutral.StreamEvent]) {
        if hasStarted { return }
        hasStarted = true
        events.append(.start)
    }
}

/// What one event of a message says, whatever the order of its fields; texts between quotes.
struct MessageStreamEvent {
    private(set) var type: ArraySlice<UInt8> = []
    private(set) var index: Int64 = 0
    private(set) var hasUsage = false
    private(set) var stopReason: String?
    private(set) var stopSequence: String?
    private(set) var error: UpstreamStreamError?
    private(set) var text: ArraySlice<UInt8> = []
    private(set) var textBytes: Int64 = 0
    private(set) var signature: ArraySlice<UInt8> = []
    private var innerType: ArraySlice<UInt8> = []
    private var id: ArraySlice<UInt8> = []
    private(set) var name: ArraySlice<UInt8> = []
    private var data: ArraySlice<UInt8> = []

    /// The block that a start opens; nil for a kind that a translated request cannot cause.
    var block: Neutral.Block? {
        if innerType.elementsEqual("text".utf8) { return .text }
        if innerType.elementsEqual("thinking".utf8) { return .reasoning }
        if innerType.elementsEqual("redacted_thinking".utf8) { return .redactedReasoning(data) }
        if innerType.elementsEqual("tool_use".utf8) { return .toolCall(id: id, name: name) }
        return nil
    }

    /// The block that a piece without a start belongs to; a tool must have its name.
    var impliedBlock: Neutral.Block? {
        if innerType.elementsEqual("text_delta".utf8) { return .text }
        if innerType.elementsEqual("thinking_delta".utf8) { return .reasoning }
        return nil
    }

    mutating func read(
        _ scanner: inout JSONScanner,
        usage: inout MessagesUsage
    ) throws(JSONScanError) {
        try scanner.fields { scanner, field throws(JSONScanError) in
            switch field {
            case "type": type = try scanner.slice()
            case "index": index = try scanner.value().integer(in: scanner.bytes) ?? 0
            case "message":
                try scanner.fieldsIfObject { scanner, name throws(JSONScanError) in
                    guard "usage" ~= name, try scanner.peek() == UInt8(ascii: "{") else { return }
                    try usage.read(&scanner)
                }
            case "usage" where try scanner.peek() == UInt8(ascii: "{"):
                hasUsage = true
                try usage.read(&scanner)
            case "delta", "content_block": try readInner(&scanner)
            case "error": error = try scanner.upstreamError()
            default: break
            }
        }
    }

    private mutating func readInner(_ scanner: inout JSONScanner) throws(JSONScanError) {
        try scanner.fieldsIfObject { scanner, field throws(JSONScanError) in
            switch field {
            case "type": innerType = try scanner.slice()
            case "text", "thinking", "partial_json":
                guard let (range, isPlain) = try scanner.stringIfAny() else { return }
                text = scanner.bytes[range]
                textBytes += isPlain ? Int64(range.count) : scanner.decodedLength(of: range)
            case "signature": signature = try scanner.slice()
            case "id": id = try scanner.slice()
            case "name":
                name = try scanner.slice()
                textBytes += Int64(name.count)
            case "data": data = try scanner.slice()
            case "input": try readInput(&scanner)
            case "stop_reason":
                let value = try scanner.value()
                if value.isReason { stopReason = value.string(in: scanner.bytes) }
            case "stop_sequence": stopSequence = try scanner.text()
            default: break
            }
        }
    }

    /// The input of a tool stands in its start only where a server does not stream it.
    private mutating func readInput(_ scanner: inout JSONScanner) throws(JSONScanError) {
        let value = try scanner.value()
        let json = scanner.bytes[value.range]
        guard value.kind == .object, !json.elementsEqual("{}".utf8) else { return }
        let escaped = [UInt8](json: String(decoding: json, as: UTF8.self))
        text = escaped.dropFirst().dropLast()
        textBytes += Int64(json.count)
    }
}

extension JSONScanner {
    /// The range between the quotes of the next value; nil when it is no string.
    mutating func stringIfAny() throws(JSONScanError) -> (range: Range<Int>, isPlain: Bool)? {
        guard try peek() == UInt8(ascii: "\"") else {
            try value()
            return nil
        }
        return try string()
    }

    /// What stands between the quotes of the next value; nothing when it is no string.
    mutating func slice() throws(JSONScanError) -> ArraySlice<UInt8> {
        try stringIfAny().map { bytes[$0.range] } ?? []
    }
}
