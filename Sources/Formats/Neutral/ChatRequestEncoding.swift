import Schema

extension ChatCodec {
    /// What Claude Code tells Anthropic about itself in a block of the prompt; it differs from
    /// version to version, and at the head of another upstream's prompt it would spoil the cache.
    private static let billingHeader = "x-anthropic-billing-header:"

    /// The most stop sequences that OpenAI takes.
    private static let stopsMax = 4

    /// Writes a request for an upstream of this format.
    ///
    /// The request for usage in a stream is not written here: the edits of the body add it.
    static func body(of request: Neutral.Request) throws(RequestFault) -> [UInt8] {
        if request.topK != nil { throw .untranslatable("top_k") }
        // Anthropic's way to fill a cache; a chat always answers.
        if request.outputCap == 0 { throw .untranslatable("max_tokens", " of 0") }
        if request.stops.count > stopsMax { throw .untranslatable("stop_sequences") }
        var writer = JSONWriter()
        try writer.object { writer throws(RequestFault) in
            writer.field("model", request.model)
            writer.name("messages")
            try writer.array { writer throws(RequestFault) in
                writeSystem(request.system, to: &writer)
                for turn in request.turns { try write(turn, to: &writer) }
            }
            if request.isStreamed { writer.field("stream", true) }
            if let cap = request.outputCap { writer.field("max_completion_tokens", cap) }
            writeSampling(request, to: &writer)
            writeTools(request, to: &writer)
            writeOutputFormat(request.outputFormat, to: &writer)
            if let effort = request.thinking?.openAIEffort {
                writer.field("reasoning_effort", effort)
            }
            if let tier = request.serviceTier { writer.field("service_tier", tier.openAIName) }
        }
        return writer.bytes
    }

    private static func writeSampling(_ request: Neutral.Request, to writer: inout JSONWriter) {
        if let number = request.temperature {
            writer.field("temperature", raw: number.text.utf8)
        }
        if let number = request.topP { writer.field("top_p", raw: number.text.utf8) }
        guard !request.stops.isEmpty else { return }
        writer.name("stop")
        writer.array(request.stops) { $0.string($1) }
    }

    private static func writeTools(_ request: Neutral.Request, to writer: inout JSONWriter) {
        guard !request.tools.isEmpty else { return }
        writer.name("tools")
        writer.array(request.tools) { writer, tool in
            writer.object { writer in
                writer.field("type", "function")
                writer.name("function")
                writer.object { write(tool, to: &$0) }
            }
        }
        switch request.toolChoice {
        case nil: break
        case .none?: writer.field("tool_choice", "none")
        case .auto?: writer.field("tool_choice", "auto")
        case .required?: writer.field("tool_choice", "required")
        case .tool(let name)?:
            writer.name("tool_choice")
            writer.object { writer in
                writer.field("type", "function")
                writer.name("function")
                writer.object { $0.field("name", name) }
            }
        }
        if let parallel = request.allowsParallelTools {
            writer.field("parallel_tool_calls", parallel)
        }
    }

    /// The fields of a function, which the Responses format has without a wrapping.
    static func write(_ tool: Neutral.Tool, to writer: inout JSONWriter) {
        writer.field("name", tool.name)
        if let description = tool.description { writer.field("description", description) }
        if let schema = tool.parameters { writer.field("parameters", raw: schema) }
        if let strict = tool.isStrict { writer.field("strict", strict) }
    }

    private static func writeOutputFormat(
        _ format: Neutral.OutputFormat,
        to writer: inout JSONWriter
    ) {
        guard format != .text else { return }
        writer.name("response_format")
        writer.object { writer in
            guard case .schema(let schema) = format else {
                writer.field("type", "json_object")
                return
            }
            writer.field("type", "json_schema")
            writer.name("json_schema")
            writer.object { write(schema, to: &$0) }
        }
    }

    /// The fields of a named schema, which the Responses format has without a wrapping.
    static func write(_ schema: Neutral.Schema, to writer: inout JSONWriter) {
        // The format wants a name, and Anthropic's schemas have none.
        writer.field("name", schema.name ?? "answer")
        writer.field("schema", raw: schema.schema)
        writer.field("strict", schema.isStrict ?? true)
    }

    // MARK: Messages

    private static func writeSystem(_ system: [Neutral.Text], to writer: inout JSONWriter) {
        let parts = system.filter { !$0.text.hasPrefix(billingHeader) }
            .map { Neutral.Part(.text($0.text)) }
        if parts.isEmpty { return }
        writer.object { writer in
            writer.field("role", "system")
            writeContent(parts, to: &writer)
        }
    }

    private static func write(
        _ turn: Neutral.Turn,
        to writer: inout JSONWriter
    ) throws(RequestFault) {
        switch turn.role {
        case .system: write("system", turn.parts, to: &writer)
        case .assistant: writeAssistant(turn.parts, to: &writer)
        case .user: writeUser(turn.parts, to: &writer)
        }
    }

    private static func write(
        _ role: String,
        _ parts: [Neutral.Part],
        to writer: inout JSONWriter
    ) {
        writer.object { writer in
            writer.field("role", role)
            writeContent(parts, to: &writer)
        }
    }

    /// Results of tools are messages of their own and go first; the images in them, which such a
    /// message cannot hold everywhere, go into the user's message behind them.
    private static func writeUser(_ parts: [Neutral.Part], to writer: inout JSONWriter) {
        var rest: [Neutral.Part] = []
        for part in parts {
            guard case .toolResult(let result) = part.content else { continue }
            var texts: [Neutral.Part] = result.isError ? [Neutral.Part(.text("Error:"))] : []
            let imagesBefore = rest.count
            for part in result.parts {
                if case .image = part.content { rest.append(part) } else { texts.append(part) }
            }
            if texts.isEmpty, rest.count > imagesBefore {
                texts.append(Neutral.Part(.text("The result is the image below.")))
            }
            writer.object { writer in
                writer.field("role", "tool")
                writer.field("tool_call_id", result.callID)
                writeContent(texts, to: &writer)
            }
        }
        rest += parts.filter { part in
            if case .toolResult = part.content { false } else { true }
        }
        if !rest.isEmpty { write("user", rest, to: &writer) }
    }

    private static func writeAssistant(_ parts: [Neutral.Part], to writer: inout JSONWriter) {
        var calls: [Neutral.ToolCall] = []
        var thoughts: [String] = []
        var content: [Neutral.Part] = []
        for part in parts {
            switch part.content {
            case .toolCall(let call): calls.append(call)
            // What another upstream signed or encrypted says nothing to this one.
            case .reasoning(.text(let text, nil)): thoughts.append(text)
            case .reasoning: break
            default: content.append(part)
            }
        }
        if calls.isEmpty, content.isEmpty { return }
        writer.object { writer in
            writer.field("role", "assistant")
            if !thoughts.isEmpty {
                writer.field("reasoning_content", thoughts.joined(separator: "\n"))
            }
            if content.isEmpty {
                writer.nullField("content")
            } else {
                writeContent(content, to: &writer)
            }
            if calls.isEmpty { return }
            writer.name("tool_calls")
            writer.array(calls) { write($1, index: nil, to: &$0) }
        }
    }

    static func write(_ call: Neutral.ToolCall, index: Int64?, to writer: inout JSONWriter) {
        writer.object { writer in
            if let index { writer.field("index", index) }
            writer.field("id", call.id)
            writer.field("type", "function")
            writer.name("function")
            writer.object { writer in
                writer.field("name", call.name)
                writer.field("arguments", call.arguments)
            }
        }
    }

    /// The field `content`: text alone as a string, which every server takes.
    private static func writeContent(_ parts: [Neutral.Part], to writer: inout JSONWriter) {
        writer.name("content")
        if parts.isEmpty { return writer.string("") }
        if parts.count == 1, case .text(let text) = parts[0].content {
            return writer.string(text)
        }
        writer.array(parts) { writer, part in
            switch part.content {
            case .text(let text):
                writer.object { writer in
                    writer.field("type", "text")
                    writer.field("text", text)
                }
            case .refusal(let text):
                writer.object { writer in
                    writer.field("type", "refusal")
                    writer.field("refusal", text)
                }
            case .image(let image):
                writer.object { writer in
                    writer.field("type", "image_url")
                    writer.name("image_url")
                    writer.object { writer in
                        writer.field("url", image.url)
                        if let detail = image.detail { writer.field("detail", detail) }
                    }
                }
            case .toolCall, .toolResult, .reasoning:
                break
            }
        }
    }
}

extension ServiceTier {
    /// The name in OpenAI's requests.
    var openAIName: String {
        switch self {
        case .standard, .batch: "default"
        case .flex: "flex"
        case .priority: "priority"
        }
    }
}

extension Neutral.Thinking {
    /// The word of OpenAI's formats; nil leaves the model to its own default.
    ///
    /// A budget becomes the effort that spends about as much: the cap bounds both. Where thinking
    /// is off or adaptive without an effort nothing is said, for a model that does not reason
    /// refuses even to be told not to.
    var openAIEffort: String? {
        if let effort { return effort.rawValue }
        guard case .budget(let tokens) = mode else { return nil }
        let effort: Effort = tokens < 4_096 ? .low : tokens < 16_384 ? .medium : .high
        return effort.rawValue
    }
}
