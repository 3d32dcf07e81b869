import Schema

/// Writes neutral events in the words of a client's format.
protocol StreamWriter: Sendable {
    mutating func write(_ event: Neutral.StreamEvent, into output: inout [UInt8])

    /// The event that tells a client of this format that its stream has failed.
    func breakOff(with error: APIError, requestID: String) -> [UInt8]
}

/// Chunks of an OpenAI chat completion.
struct ChatStreamWriter: StreamWriter {
    private let wantsUsage: Bool
    /// Every chunk up to its delta, and behind it.
    private let head: [UInt8]
    private let tail: [UInt8]
    /// Every chunk up to its choices.
    private let frame: [UInt8]
    private var openBlock: Neutral.Block?
    private var callCount: Int64 = 0
    private var detailCount: Int64 = 0

    init(_ identity: AnswerIdentity, wantsUsage: Bool) {
        self.wantsUsage = wantsUsage
        var frame = Array(#"data: {"id":"chatcmpl-\#(identity.id)","#.utf8)
        frame += #""object":"chat.completion.chunk","created":\#(identity.createdSeconds),"#.utf8
        frame.append(raw: #""model":"#)
        frame.append(json: identity.model)
        self.frame = frame
        head = frame + Array(#","choices":[{"index":0,"delta":"#.utf8)
        let usage = wantsUsage ? #","usage":null"# : ""
        tail = Array((#","logprobs":null,"finish_reason":null}]"# + usage + "}\n\n").utf8)
    }

    func breakOff(with error: APIError, requestID: String) -> [UInt8] {
        Array("data: ".utf8) + error.body(.openAI, requestID: requestID) + [lineFeed, lineFeed]
    }

    mutating func write(_ event: Neutral.StreamEvent, into output: inout [UInt8]) {
        switch event {
        case .start:
            chunk(into: &output) { $0.append(raw: #"{"role":"assistant","content":""}"#) }
        case .open(let block):
            openBlock = block
            open(block, into: &output)
        case .piece(let text):
            piece(text, into: &output)
        case .signature(let signature):
            chunk(into: &output) { output in
                output.append(raw: "{")
                detail("reasoning.text", "signature", signature, into: &output)
                output.append(raw: "}")
            }
        case .close:
            switch openBlock {
            case .toolCall: callCount += 1
            case .reasoning, .redactedReasoning: detailCount += 1
            case .text, .refusal, nil: break
            }
            openBlock = nil
        case .finish(let stop, let usage):
            finish(stop, usage, into: &output)
        }
    }

    private func chunk(into output: inout [UInt8], _ delta: (inout [UInt8]) -> Void) {
        output += head
        delta(&output)
        output += tail
    }

    private func open(_ block: Neutral.Block, into output: inout [UInt8]) {
        switch block {
        case .text, .refusal, .reasoning: break
        case .redactedReasoning(let data):
            chunk(into: &output) { output in
                output.append(raw: "{")
                detail("reasoning.encrypted", "data", data, into: &output)
                output.append(raw: "}")
            }
        case .toolCall(let id, let name):
            let index = callCount
            chunk(into: &output) { output in
                output += #"{"tool_calls":[{"index":\#(index),"id":""#.utf8
                output += id
                output.append(raw: #"","type":"function","function":{"name":""#)
                output += name
                output.append(raw: #"","arguments":""}}]}"#)
            }
        }
    }

    private func piece(_ text: ArraySlice<UInt8>, into output: inout [UInt8]) {
        chunk(into: &output) { output in
            switch openBlock {
            case .toolCall:
                output += #"{"tool_calls":[{"index":\#(callCount),"function":{"arguments":""#.utf8
                output += text
                output.append(raw: #""}}]}"#)
                return
            case .refusal: output.append(raw: #"{"refusal":""#)
            case .reasoning:
                // Once for those who show it, and once for those who send it back: which text a
                // signature is of, several blocks could not tell otherwise.
                output.append(raw: #"{"reasoning_content":""#)
                output += text
                output.append(raw: #"","#)
                detail("reasoning.text", "text", text, into: &output)
                output.append(raw: "}")
                return
            case .text, .redactedReasoning, nil: output.append(raw: #"{"content":""#)
            }
            output += text
            output.append(raw: #""}"#)
        }
    }

    /// A detail of the reasoning, which a client sends back so that the upstream takes it; those of
    /// one block have one index.
    private func detail(
        _ type: StaticString,
        _ field: StaticString,
        _ value: ArraySlice<UInt8>,
        into output: inout [UInt8]
    ) {
        output += #""reasoning_details":[{"type":"\#(type)","index":\#(detailCount),"#.utf8
        output += #""\#(field)":""#.utf8
        output += value
        output.append(raw: #""}]"#)
    }

    private func finish(
        _ stop: Neutral.Stop,
        _ usage: UsageReport?,
        into output: inout [UInt8]
    ) {
        output += head
        output.append(raw: #"{},"logprobs":null,"finish_reason":""#)
        output.append(raw: stop.chatWord)
        output.append(raw: #""}]"#)
        if wantsUsage { output.append(raw: #","usage":null"#) }
        output.append(raw: "}\n\n")
        if wantsUsage, let usage {
            var writer = JSONWriter()
            writer.object { usage.writeChat(to: &$0) }
            output += frame
            output.append(raw: #","choices":[],"usage":"#)
            output += writer.bytes
            output.append(raw: "}\n\n")
        }
        output.append(raw: "data: [DONE]\n\n")
    }
}

/// Events of an Anthropic message.
struct MessagesStreamWriter: StreamWriter {
    private let identity: AnswerIdentity
    /// What the prompt comes to by our estimate: an upstream of another format tells it at the
    /// end, and clients look for it at the start.
    private let inputEstimate: Int64
    private var index = 0
    private var openBlock: Neutral.Block?
    private var hasSignature = false

    init(_ identity: AnswerIdentity, inputEstimate: Int64) {
        self.identity = identity
        self.inputEstimate = inputEstimate
    }

    func breakOff(with error: APIError, requestID: String) -> [UInt8] {
        Array("event: error\ndata: ".utf8) + error.body(.anthropic, requestID: requestID)
            + [lineFeed, lineFeed]
    }

    mutating func write(_ event: Neutral.StreamEvent, into output: inout [UInt8]) {
        switch event {
        case .start: start(into: &output)
        case .open(let block): open(block, into: &output)
        case .piece(let text): piece(text, into: &output)
        case .signature(let signature):
            hasSignature = true
            delta(#"signature_delta","signature"#, signature, into: &output)
        case .close:
            if openBlock == .reasoning, !hasSignature {
                delta(
                    #"signature_delta","signature"#,
                    Array(MessagesCodec.unsigned.utf8)[...],
                    into: &output
                )
            }
            Self.close(block: Int64(index), into: &output)
            openBlock = nil
            index += 1
        case .finish(let stop, let usage): Self.finish(stop, usage, into: &output)
        }
    }

    static func close(block index: Int64, into output: inout [UInt8]) {
        output += "event: content_block_stop\ndata: ".utf8
        output += #"{"type":"content_block_stop","index":\#(index)}"#.utf8
        output.append(raw: "\n\n")
    }

    private func start(into output: inout [UInt8]) {
        var writer = JSONWriter()
        writer.object { writer in
            writer.field("type", "message_start")
            writer.name("message")
            writer.object { writer in
                writer.field("id", "msg_\(identity.id)")
                writer.field("type", "message")
                writer.field("role", "assistant")
                writer.field("model", identity.model)
                writer.name("content")
                writer.array { _ in }
                writer.nullField("stop_reason")
                writer.nullField("stop_sequence")
                writer.name("usage")
                writer.object { writer in
                    writer.field("input_tokens", inputEstimate)
                    writer.field("cache_creation_input_tokens", 0)
                    writer.field("cache_read_input_tokens", 0)
                    writer.field("output_tokens", 0)
                }
            }
        }
        output.append(raw: "event: message_start\ndata: ")
        output += writer.bytes
        output.append(raw: "\n\n")
    }

    private mutating func open(_ block: Neutral.Block, into output: inout [UInt8]) {
        openBlock = block
        hasSignature = false
        output += "event: content_block_start\ndata: ".utf8
        output += #"{"type":"content_block_start","index":\#(index),"content_block":{"type":""#.utf8
        switch block {
        case .text, .refusal: output.append(raw: #"text","text":"""#)
        case .reasoning: output.append(raw: #"thinking","thinking":"","signature":"""#)
        case .redactedReasoning(let data):
            output.append(raw: #"redacted_thinking","data":""#)
            output += data
            output.append(UInt8(ascii: "\""))
        case .toolCall(let id, let name):
            output.append(raw: #"tool_use","id":""#)
            output += id
            output.append(raw: #"","name":""#)
            output += name
            output.append(raw: #"","input":{}"#)
        }
        output.append(raw: "}}\n\n")
    }

    private func piece(_ text: ArraySlice<UInt8>, into output: inout [UInt8]) {
        switch openBlock {
        case .toolCall: delta(#"input_json_delta","partial_json"#, text, into: &output)
        case .reasoning: delta(#"thinking_delta","thinking"#, text, into: &output)
        case .text, .refusal, .redactedReasoning, nil:
            delta(#"text_delta","text"#, text, into: &output)
        }
    }

    /// - Parameter kind: the type of the delta and the name of its field, as they are joined.
    private func delta(
        _ kind: StaticString,
        _ text: ArraySlice<UInt8>,
        into output: inout [UInt8]
    ) {
        output.append(raw: "event: content_block_delta\ndata: ")
        output += #"{"type":"content_block_delta","index":\#(index),"delta":{"type":""#.utf8
        output.append(raw: kind)
        output.append(raw: #"":""#)
        output += text
        output.append(raw: "\"}}\n\n")
    }

    static func finish(
        _ stop: Neutral.Stop,
        _ usage: UsageReport?,
        into output: inout [UInt8]
    ) {
        var writer = JSONWriter()
        writer.object { writer in
            writer.field("type", "message_delta")
            writer.name("delta")
            writer.object { writer in
                writer.field("stop_reason", "\(stop.messageWord)")
                if case .sequence(let text) = stop {
                    writer.field("stop_sequence", text)
                } else {
                    writer.nullField("stop_sequence")
                }
            }
            writer.name("usage")
            writer.object { writer in
                if let usage { return usage.writeMessages(isDelta: true, to: &writer) }
                writer.field("output_tokens", 0)
            }
        }
        output.append(raw: "event: message_delta\ndata: ")
        output += writer.bytes
        output.append(raw: "\n\nevent: message_stop\ndata: {\"type\":\"message_stop\"}\n\n")
    }
}
