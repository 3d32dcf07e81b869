import Schema

extension UsageReport {
    /// The fields of a chat completion's `usage`, whose prompt includes the cached tokens.
    func writeChat(to writer: inout JSONWriter) {
        writer.field("prompt_tokens", tokens.inputTotal)
        writer.field("completion_tokens", tokens.outputTotal)
        writer.field("total_tokens", tokens.inputTotal + tokens.outputTotal)
        writer.name("prompt_tokens_details")
        writer.object { writer in
            writer.field("cached_tokens", tokens.cacheRead)
            writer.field("cache_write_tokens", tokens.cacheWriteShort + tokens.cacheWriteLong)
            writer.field("audio_tokens", tokens.audioInput)
        }
        writer.name("completion_tokens_details")
        writer.object { writer in
            writer.field("reasoning_tokens", tokens.reasoning)
            writer.field("audio_tokens", tokens.audioOutput)
        }
    }

    /// The fields of a response's `usage`, whose input includes the cached tokens.
    func writeResponses(to writer: inout JSONWriter) {
        writer.field("input_tokens", tokens.inputTotal)
        writer.name("input_tokens_details")
        writer.object { writer in
            writer.field("cached_tokens", tokens.cacheRead)
            writer.field("cache_write_tokens", tokens.cacheWriteShort + tokens.cacheWriteLong)
        }
        writer.field("output_tokens", tokens.outputTotal)
        writer.name("output_tokens_details")
        writer.object { $0.field("reasoning_tokens", tokens.reasoning) }
        writer.field("total_tokens", tokens.inputTotal + tokens.outputTotal)
    }

    /// The fields of a message's `usage`, whose input excludes the cached tokens.
    ///
    /// - Parameter isDelta: whether it stands in a `message_delta`, which has no split of writes.
    func writeMessages(isDelta: Bool, to writer: inout JSONWriter) {
        writer.field("input_tokens", tokens.input + tokens.imageInput + tokens.audioInput)
        writer.field(
            "cache_creation_input_tokens",
            tokens.cacheWriteShort + tokens.cacheWriteLong
        )
        writer.field("cache_read_input_tokens", tokens.cacheRead)
        if !isDelta {
            writer.name("cache_creation")
            writer.object { writer in
                writer.field("ephemeral_5m_input_tokens", tokens.cacheWriteShort)
                writer.field("ephemeral_1h_input_tokens", tokens.cacheWriteLong)
            }
        }
        writer.field("output_tokens", tokens.outputTotal)
        if tokens.reasoning > 0 {
            writer.name("output_tokens_details")
            writer.object { $0.field("thinking_tokens", tokens.reasoning) }
        }
        if !isDelta { writer.field("service_tier", "standard") }
    }
}

extension Neutral.Stop {
    /// The word of a chat completion.
    init(chat word: String) {
        self =
            switch word {
            case "length": .length
            case "tool_calls", "function_call": .toolUse
            case "content_filter": .refusal
            default: .end
            }
    }

    var chatWord: StaticString {
        switch self {
        case .end, .sequence: "stop"
        case .length: "length"
        case .toolUse: "tool_calls"
        case .refusal: "content_filter"
        }
    }

    /// The word of a message.
    ///
    /// A pause has no twin: without tools of the upstream's there is none.
    init(message word: String, sequence: String?) {
        self =
            switch word {
            case "max_tokens", "model_context_window_exceeded": .length
            case "tool_use": .toolUse
            case "refusal": .refusal
            case "stop_sequence": sequence.map { .sequence($0) } ?? .end
            default: .end
            }
    }

    var messageWord: StaticString {
        switch self {
        case .end: "end_turn"
        case .sequence: "stop_sequence"
        case .length: "max_tokens"
        case .toolUse: "tool_use"
        case .refusal: "refusal"
        }
    }

    /// Why a response is incomplete; nil when it is complete.
    var incompleteReason: StaticString? {
        switch self {
        case .length: "max_output_tokens"
        case .refusal: "content_filter"
        case .end, .toolUse, .sequence: nil
        }
    }

    /// The reason in view of what the model wrote: some servers say `stop` behind calls of tools,
    /// and a client that is told so would not run them.
    func considering(hasToolCalls: Bool, hasRefusal: Bool) -> Self {
        guard self == .end else { return self }
        return hasToolCalls ? .toolUse : hasRefusal ? .refusal : .end
    }
}
