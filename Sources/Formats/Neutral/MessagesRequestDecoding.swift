import Schema

/// Anthropic's messages, to and from neutral values.
enum MessagesCodec {
    /// The signature of thinking that came from an upstream which signs nothing.
    ///
    /// Clients send it
    /// back, and so it is known: to such an upstream it may go again, to Anthropic it may not.
    static let unsigned = "unsigned"
}

extension MessagesCodec {
    private static let carried: Set<String> = [
        "model", "messages", "system", "max_tokens", "temperature", "top_p", "top_k",
        "stop_sequences", "stream", "tools", "tool_choice", "thinking", "output_config",
        "service_tier",
    ]

    /// What labels the call or places its cache, and what `MessagesRequest` lets pass only where
    /// it asks for nothing.
    private static let dropped: Set<String> = [
        "metadata", "cache_control", "speed", "inference_geo", "context_management",
    ]

    /// Reads a request whose facts have been read.
    static func request(from bytes: [UInt8]) throws(RequestFault) -> Neutral.Request {
        let reader = try TranslationReader(bytes)
        for field in reader.body.fields where !field.isVoidList {
            let name = field.name.text
            if carried.contains(name) || dropped.contains(name) { continue }
            throw .untranslatable(name)
        }
        try checkContextManagement(reader)
        var request = Neutral.Request(model: try reader.required(reader.body, "model", nil))
        request.isStreamed = try reader.flag(reader.body, "stream", nil) ?? false
        request.outputCap = reader.body.present("max_tokens")?.integer(in: bytes)
        request.temperature = try reader.number("temperature")
        request.topP = try reader.number("top_p")
        request.topK = try reader.number("top_k")
        request.stops = try stops(reader)
        if try reader.text(reader.body, "service_tier", nil) == "standard_only" {
            request.serviceTier = .standard
        }
        request.tools = try tools(reader)
        try readToolChoice(reader, into: &request)
        try readThinking(reader, into: &request)
        if let system = reader.body.present("system") {
            try request.instruct(try parts(of: system, reader, "system"), "system")
        }
        try readMessages(reader, into: &request)
        return request
    }

    /// Old thinking is never sent to another format's upstream, so clearing it changes nothing;
    /// any other edit would.
    private static func checkContextManagement(
        _ reader: TranslationReader
    ) throws(RequestFault) {
        guard let value = reader.body.present("context_management") else { return }
        let path = "context_management"
        let object = try reader.object(value, path, carried: ["edits"])
        guard let edits = object.present("edits") else { return }
        for (index, element) in try reader.elements(edits, "\(path).edits").enumerated() {
            let path = "\(path).edits[\(index)]"
            let edit = try reader.reader.object(element, path)
            let type = try reader.required(edit, "type", path)
            guard type.hasPrefix("clear_thinking_") else {
                throw .untranslatable("\(path).type", " '\(type)'")
            }
        }
    }

    private static func stops(_ reader: TranslationReader) throws(RequestFault) -> [String] {
        guard let value = reader.body.present("stop_sequences") else { return [] }
        var stops: [String] = []
        for (index, element) in try reader.elements(value, "stop_sequences").enumerated() {
            stops.append(try reader.text(element, "stop_sequences[\(index)]"))
        }
        return stops
    }

    // MARK: Tools

    private static func tools(_ reader: TranslationReader) throws(RequestFault) -> [Neutral.Tool] {
        guard let value = reader.body.present("tools") else { return [] }
        var tools: [Neutral.Tool] = []
        for (index, element) in try reader.elements(value, "tools").enumerated() {
            let path = "tools[\(index)]"
            let object = try reader.reader.object(element, path)
            if let type = try reader.text(object, "type", path), type != "custom" {
                throw .untranslatable("\(path).type", " '\(type)'")
            }
            try reader.check(
                object,
                path,
                carried: [
                    "type", "name", "description", "input_schema", "strict", "cache_control",
                ],
                dropped: ["eager_input_streaming"]
            )
            var tool = Neutral.Tool(name: try reader.required(object, "name", path))
            tool.description = try reader.text(object, "description", path)
            if let schema = object.present("input_schema") {
                tool.parameters = try reader.raw(schema, "\(path).input_schema")
            }
            tool.isStrict = try reader.flag(object, "strict", path)
            tool.cache = try reader.cache(object, path)
            tools.append(tool)
        }
        return tools
    }

    private static func readToolChoice(
        _ reader: TranslationReader,
        into request: inout Neutral.Request
    ) throws(RequestFault) {
        guard let value = reader.body.present("tool_choice") else { return }
        let path = "tool_choice"
        let object = try reader.object(
            value,
            path,
            carried: ["type", "name", "disable_parallel_tool_use"]
        )
        let type = try reader.required(object, "type", path)
        switch type {
        case "none": request.toolChoice = Neutral.ToolChoice.none
        case "auto": request.toolChoice = .auto
        case "any": request.toolChoice = .required
        case "tool": request.toolChoice = .tool(try reader.required(object, "name", path))
        default: throw .invalidValue("\(path).type", "'\(type)' is not known")
        }
        if let disabled = try reader.flag(object, "disable_parallel_tool_use", path) {
            request.allowsParallelTools = !disabled
        }
    }

    private static func readThinking(
        _ reader: TranslationReader,
        into request: inout Neutral.Request
    ) throws(RequestFault) {
        var thinking = Neutral.Thinking()
        if let value = reader.body.present("thinking") {
            let object = try reader.object(
                value,
                "thinking",
                carried: ["type", "budget_tokens"],
                dropped: ["display"]
            )
            let type = try reader.required(object, "type", "thinking")
            switch type {
            case "adaptive": thinking.mode = .adaptive
            case "disabled": thinking.mode = .disabled
            case "enabled":
                let budget = object.present("budget_tokens")?.integer(in: reader.bytes)
                guard let budget else { throw .missing("thinking.budget_tokens") }
                thinking.mode = .budget(budget)
            default: throw .invalidValue("thinking.type", "'\(type)' is not known")
            }
        }
        if let value = reader.body.present("output_config") {
            let path = "output_config"
            let object = try reader.object(value, path, carried: ["effort", "format"])
            if let word = try reader.text(object, "effort", path) {
                guard let effort = Neutral.Thinking.Effort(rawValue: word) else {
                    throw .invalidValue("\(path).effort", "'\(word)' is not known")
                }
                thinking.effort = effort
            }
            if let format = object.present("format") {
                request.outputFormat = try outputFormat(reader, format, "\(path).format")
            }
        }
        if thinking != Neutral.Thinking() { request.thinking = thinking }
    }

    private static func outputFormat(
        _ reader: TranslationReader,
        _ value: JSONValue,
        _ path: String
    ) throws(RequestFault) -> Neutral.OutputFormat {
        let object = try reader.object(value, path, carried: ["type", "schema"])
        let type = try reader.required(object, "type", path)
        guard type == "json_schema" else { throw .untranslatable("\(path).type", " '\(type)'") }
        guard let schema = object.present("schema") else { throw .missing("\(path).schema") }
        return .schema(
            Neutral.Schema(name: nil, schema: try reader.raw(schema, "\(path).schema"))
        )
    }

    // MARK: Messages

    private static func readMessages(
        _ reader: TranslationReader,
        into request: inout Neutral.Request
    ) throws(RequestFault) {
        guard let value = reader.body.present("messages") else { throw .missing("messages") }
        for (index, element) in try reader.elements(value, "messages").enumerated() {
            let path = "messages[\(index)]"
            let message = try reader.object(element, path, carried: ["role", "content"])
            let role = try reader.required(message, "role", path)
            guard let content = message.present("content") else {
                throw .missing("\(path).content")
            }
            let parts = try parts(of: content, reader, "\(path).content")
            switch role {
            case "user": request.add(.user, parts)
            case "assistant": request.turns.append(Neutral.Turn(.assistant, parts))
            case "system": request.turns.append(Neutral.Turn(.system, parts))
            default: throw .untranslatable("\(path).role", " '\(role)'")
            }
        }
    }

    private static func parts(
        of value: JSONValue,
        _ reader: TranslationReader,
        _ path: String
    ) throws(RequestFault) -> [Neutral.Part] {
        if value.kind == .string { return [Neutral.Part(.text(try reader.text(value, path)))] }
        var parts: [Neutral.Part] = []
        for (index, element) in try reader.elements(value, path).enumerated() {
            parts.append(try part(element, reader, "\(path)[\(index)]"))
        }
        return parts
    }

    private static func part(
        _ value: JSONValue,
        _ reader: TranslationReader,
        _ path: String
    ) throws(RequestFault) -> Neutral.Part {
        let object = try reader.reader.object(value, path)
        let type = try reader.required(object, "type", path)
        let content = try content(type, object, reader, path)
        return Neutral.Part(content, cache: try reader.cache(object, path))
    }

    private static func content(
        _ type: String,
        _ object: JSONObject,
        _ reader: TranslationReader,
        _ path: String
    ) throws(RequestFault) -> Neutral.Content {
        func check(_ fields: Set<String>, dropped: Set<String> = []) throws(RequestFault) {
            try reader.check(
                object,
                path,
                carried: fields.union(["type", "cache_control"]),
                dropped: dropped
            )
        }
        switch type {
        case "text":
            // Citations are the model's notes to its own text, which stands without them.
            try check(["text"], dropped: ["citations"])
            return .text(try reader.required(object, "text", path))
        case "image":
            try check(["source"])
            return .image(try image(object, reader, path))
        case "tool_use":
            try check(["id", "name", "input"], dropped: ["caller"])
            guard let input = object.present("input") else { throw .missing("\(path).input") }
            return .toolCall(
                Neutral.ToolCall(
                    id: try reader.required(object, "id", path),
                    name: try reader.required(object, "name", path),
                    arguments: String(
                        decoding: try reader.raw(input, "\(path).input"),
                        as: UTF8.self
                    )
                )
            )
        case "tool_result":
            try check(["tool_use_id", "content", "is_error"])
            var result = Neutral.ToolResult(
                callID: try reader.required(object, "tool_use_id", path),
                parts: []
            )
            if let content = object.present("content") {
                result.parts = try parts(of: content, reader, "\(path).content")
                for (index, part) in result.parts.enumerated() {
                    switch part.content {
                    case .text, .image: continue
                    default: throw .untranslatable("\(path).content[\(index)].type")
                    }
                }
            }
            result.isError = try reader.flag(object, "is_error", path) ?? false
            return .toolResult(result)
        case "thinking":
            try check(["thinking", "signature"])
            let signature = try reader.text(object, "signature", path)
            return .reasoning(
                .text(
                    try reader.required(object, "thinking", path),
                    signature: signature == unsigned || signature == "" ? nil : signature
                )
            )
        case "redacted_thinking":
            try check(["data"])
            return .reasoning(.redacted(try reader.required(object, "data", path)))
        default:
            throw .untranslatable("\(path).type", " '\(type)'")
        }
    }

    private static func image(
        _ object: JSONObject,
        _ reader: TranslationReader,
        _ path: String
    ) throws(RequestFault) -> Neutral.Image {
        guard let value = object.present("source") else { throw .missing("\(path).source") }
        let path = "\(path).source"
        let source = try reader.object(value, path, carried: ["type", "media_type", "data", "url"])
        let type = try reader.required(source, "type", path)
        switch type {
        case "base64":
            return Neutral.Image(
                .data(
                    mediaType: try reader.required(source, "media_type", path),
                    base64: try reader.required(source, "data", path)
                )
            )
        case "url": return Neutral.Image(.url(try reader.required(source, "url", path)))
        default: throw .untranslatable("\(path).type", " '\(type)'")
        }
    }
}

extension JSONField {
    /// Whether the value is null or a list of nothing.
    fileprivate var isVoidList: Bool {
        value.kind == .null || name.bytes[value.range].elementsEqual("[]".utf8)
    }
}
