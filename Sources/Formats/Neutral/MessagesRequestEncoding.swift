import Schema

extension MessagesCodec {
    /// The version that a request is written for: the newer one refuses the sampling parameters,
    /// even at their defaults.
    static func version(for request: Neutral.Request) -> String {
        let samples = request.temperature != nil || request.topP != nil || request.topK != nil
        return samples ? "2023-06-01" : "2026-10-21"
    }

    /// Writes a request for an upstream of this format, which must be told a cap.
    static func body(of request: Neutral.Request) throws(RequestFault) -> [UInt8] {
        guard let cap = request.outputCap else { throw .missing("max_tokens") }
        var writer = JSONWriter()
        try writer.object { writer throws(RequestFault) in
            writer.field("model", request.model)
            writer.field("max_tokens", cap)
            writeSystem(request.system, to: &writer)
            writer.name("messages")
            try writer.array { writer throws(RequestFault) in
                for turn in request.turns { try write(turn, to: &writer) }
            }
            if request.isStreamed { writer.field("stream", true) }
            try writeSampling(request, to: &writer)
            writeTools(request, to: &writer)
            try writeThinking(request, to: &writer)
            try writeServiceTier(request.serviceTier, to: &writer)
        }
        return writer.bytes
    }

    private static func writeServiceTier(
        _ tier: ServiceTier?,
        to writer: inout JSONWriter
    ) throws(RequestFault) {
        switch tier {
        case nil: return
        case .standard: writer.field("service_tier", "standard_only")
        case .flex, .priority, .batch: throw .untranslatable("service_tier")
        }
    }

    private static func writeSampling(
        _ request: Neutral.Request,
        to writer: inout JSONWriter
    ) throws(RequestFault) {
        if let number = request.temperature {
            // OpenAI's scale ends at 2, this one at 1.
            writer.field("temperature", raw: number.isAboveOne ? "1".utf8 : number.text.utf8)
        }
        if let number = request.topP { writer.field("top_p", raw: number.text.utf8) }
        if let number = request.topK { writer.field("top_k", raw: number.text.utf8) }
        guard !request.stops.isEmpty else { return }
        for stop in request.stops where stop.allSatisfy(\.isWhitespace) {
            throw .untranslatable("stop", " of white space")
        }
        writer.name("stop_sequences")
        writer.array(request.stops) { $0.string($1) }
    }

    private static func writeThinking(
        _ request: Neutral.Request,
        to writer: inout JSONWriter
    ) throws(RequestFault) {
        let thinking = request.thinking
        switch thinking?.anthropicMode {
        case nil: break
        case .adaptive: write(thinking: "adaptive", budget: nil, to: &writer)
        case .disabled: write(thinking: "disabled", budget: nil, to: &writer)
        case .budget(let tokens): write(thinking: "enabled", budget: tokens, to: &writer)
        }
        if request.outputFormat == .object {
            throw .untranslatable("response_format.type", " 'json_object'")
        }
        let effort = thinking?.anthropicEffort
        if effort == nil, request.outputFormat == .text { return }
        writer.name("output_config")
        writer.object { writer in
            if let effort { writer.field("effort", effort) }
            guard case .schema(let schema) = request.outputFormat else { return }
            writer.name("format")
            writer.object { writer in
                writer.field("type", "json_schema")
                writer.field("schema", raw: schema.schema)
            }
        }
    }

    private static func write(
        thinking type: String,
        budget: Int64?,
        to writer: inout JSONWriter
    ) {
        writer.name("thinking")
        writer.object { writer in
            writer.field("type", type)
            if let budget { writer.field("budget_tokens", budget) }
        }
    }

    // MARK: Tools

    private static let noParameters = Array(#"{"type":"object","properties":{}}"#.utf8)

    private static func writeTools(_ request: Neutral.Request, to writer: inout JSONWriter) {
        guard !request.tools.isEmpty else { return }
        writer.name("tools")
        writer.array(request.tools) { writer, tool in
            writer.object { writer in
                writer.field("name", tool.name)
                if let description = tool.description {
                    writer.field("description", description)
                }
                writer.field("input_schema", raw: tool.parameters ?? noParameters)
                if let strict = tool.isStrict { writer.field("strict", strict) }
                write(tool.cache, to: &writer)
            }
        }
        writeToolChoice(request, to: &writer)
    }

    /// Whether calls may run beside each other is said within the choice, so there must be one.
    private static func writeToolChoice(
        _ request: Neutral.Request,
        to writer: inout JSONWriter
    ) {
        let parallel = request.allowsParallelTools
        guard let choice = request.toolChoice ?? parallel.map({ _ in .auto }) else { return }
        writer.name("tool_choice")
        writer.object { writer in
            switch choice {
            case .none: writer.field("type", "none")
            case .auto: writer.field("type", "auto")
            case .required: writer.field("type", "any")
            case .tool(let name):
                writer.field("type", "tool")
                writer.field("name", name)
            }
            if let parallel, choice != .none {
                writer.field("disable_parallel_tool_use", !parallel)
            }
        }
    }

    private static func write(_ cache: CacheWrites, to writer: inout JSONWriter) {
        guard cache > .none else { return }
        writer.name("cache_control")
        writer.object { writer in
            writer.field("type", "ephemeral")
            if cache == .long { writer.field("ttl", "1h") }
        }
    }

    // MARK: Messages

    private static func writeSystem(_ system: [Neutral.Text], to writer: inout JSONWriter) {
        let system = system.filter { !$0.text.isEmpty }
        if system.isEmpty { return }
        writer.name("system")
        if system.count == 1, system[0].cache == .none { return writer.string(system[0].text) }
        writer.array(system) { writer, text in
            writer.object { writer in
                writer.field("type", "text")
                writer.field("text", text.text)
                write(text.cache, to: &writer)
            }
        }
    }

    /// Writes a turn without what the API refuses: empty texts, and thinking that has no
    /// signature; a turn of nothing else is left out.
    private static func write(
        _ turn: Neutral.Turn,
        to writer: inout JSONWriter
    ) throws(RequestFault) {
        let results = turn.parts.filter { part in
            if case .toolResult = part.content { true } else { false }
        }
        // Results must come first.
        let rest = turn.parts.filter { part in
            switch part.content {
            case .toolResult: false
            case .text(let text), .refusal(let text): !text.isEmpty
            case .reasoning(.text(_, let signature)): signature != nil
            case .image, .toolCall, .reasoning(.redacted): true
            }
        }
        let parts = results + rest
        if parts.isEmpty { return }
        try writer.object { writer throws(RequestFault) in
            switch turn.role {
            case .user: writer.field("role", "user")
            case .assistant: writer.field("role", "assistant")
            case .system: writer.field("role", "system")
            }
            writer.name("content")
            try writeContent(parts, to: &writer)
        }
    }

    private static func writeContent(
        _ parts: [Neutral.Part],
        to writer: inout JSONWriter
    ) throws(RequestFault) {
        if parts.count == 1, parts[0].cache == .none, case .text(let text) = parts[0].content {
            return writer.string(text)
        }
        try writer.array(parts) { writer, part throws(RequestFault) in
            try writer.object { writer throws(RequestFault) in
                try write(part.content, to: &writer)
                write(part.cache, to: &writer)
            }
        }
    }

    private static func write(
        _ content: Neutral.Content,
        to writer: inout JSONWriter
    ) throws(RequestFault) {
        switch content {
        case .text(let text), .refusal(let text):
            writer.field("type", "text")
            writer.field("text", text)
        case .image(let image):
            write(image, to: &writer)
        case .toolCall(let call):
            writer.field("type", "tool_use")
            writer.field("id", toolID(call.id))
            writer.field("name", call.name)
            guard let input = input(call.arguments) else {
                throw .invalidValue(
                    "tool_calls",
                    "the arguments of '\(call.name)' are not a JSON object"
                )
            }
            writer.field("input", raw: input)
        case .toolResult(let result):
            writer.field("type", "tool_result")
            writer.field("tool_use_id", toolID(result.callID))
            if result.isError { writer.field("is_error", true) }
            if result.parts.isEmpty { return }
            writer.name("content")
            try writeContent(result.parts, to: &writer)
        case .reasoning(let reasoning):
            write(reasoning, to: &writer)
        }
    }

    private static func write(_ image: Neutral.Image, to writer: inout JSONWriter) {
        writer.field("type", "image")
        writer.name("source")
        writer.object { writer in
            switch image.source {
            case .data(let mediaType, let base64):
                writer.field("type", "base64")
                writer.field("media_type", mediaType)
                writer.field("data", base64)
            case .url(let url):
                writer.field("type", "url")
                writer.field("url", url)
            }
        }
    }

    static func write(_ reasoning: Neutral.Reasoning, to writer: inout JSONWriter) {
        switch reasoning {
        case .text(let text, let signature):
            writer.field("type", "thinking")
            writer.field("thinking", text)
            writer.field("signature", signature ?? unsigned)
        case .redacted(let data):
            writer.field("type", "redacted_thinking")
            writer.field("data", data)
        }
    }

    /// The input of a tool as the object that it must be; nil where it is none.
    static func input(_ arguments: String) -> [UInt8]? {
        let bytes = Array(arguments.utf8)
        if bytes.allSatisfy({ $0 == 0x20 || (0x09...0x0d).contains($0) }) {
            return Array("{}".utf8)
        }
        var scanner = JSONScanner(bytes)
        do throws(JSONScanError) {
            let value = try scanner.value()
            try scanner.finish()
            return value.kind == .object ? Array(bytes[value.range]) : nil
        } catch {
            return nil
        }
    }

    /// An identifier in the letters that the API takes, one for one.
    static func toolID(_ id: String) -> String {
        if !id.isEmpty, id.utf8.allSatisfy(isPlain) { return id }
        var bytes: [UInt8] = []
        for byte in id.utf8 {
            if isPlain(byte) {
                bytes.append(byte)
            } else {
                bytes += "-\(String(byte, radix: 16))-".utf8
            }
        }
        return bytes.isEmpty ? "call" : String(decoding: bytes, as: UTF8.self)
    }

    private static func isPlain(_ byte: UInt8) -> Bool {
        switch byte {
        case UInt8(ascii: "a")...UInt8(ascii: "z"), UInt8(ascii: "A")...UInt8(ascii: "Z"),
            UInt8(ascii: "0")...UInt8(ascii: "9"), UInt8(ascii: "_"), UInt8(ascii: "-"):
            true
        default: false
        }
    }
}

extension Neutral.Number {
    fileprivate var isAboveOne: Bool { Double(text).map { $0 > 1 } ?? false }
}

extension Neutral.Thinking {
    /// OpenAI's formats tell an effort alone, which asks for reasoning.
    fileprivate var anthropicMode: Mode? {
        if let mode { return mode }
        return effort == .off ? .disabled : .adaptive
    }

    fileprivate var anthropicEffort: String? {
        switch effort {
        case nil, .off: nil
        case .minimal: Effort.low.rawValue
        case .some(let effort): effort.rawValue
        }
    }
}
