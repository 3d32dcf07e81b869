import Schema

/// OpenAI's chat completions, to and from neutral values.
enum ChatCodec {}

extension ChatCodec {
    private static let carried: Set<String> = [
        "model", "messages", "stream", "stream_options", "max_tokens", "max_completion_tokens",
        "temperature", "top_p", "stop", "tools", "tool_choice", "parallel_tool_calls",
        "response_format", "reasoning_effort", "service_tier",
    ]

    /// Hints, names of people and caches, and what only labels the call.
    private static let dropped: Set<String> = [
        "user", "safety_identifier", "metadata", "prompt_cache_key", "seed", "modalities",
    ]

    /// Reads a request whose facts have been read.
    static func request(from bytes: [UInt8]) throws(RequestFault) -> Neutral.Request {
        let reader = try TranslationReader(bytes)
        try checkFields(reader)
        var request = Neutral.Request(model: try reader.required(reader.body, "model", nil))
        request.isStreamed = try reader.flag(reader.body, "stream", nil) ?? false
        request.outputCap =
            (reader.body.present("max_completion_tokens") ?? reader.body.present("max_tokens"))?
            .integer(in: bytes)
        request.temperature = try reader.number("temperature")
        request.topP = try reader.number("top_p")
        request.stops = try stops(reader)
        request.serviceTier = try OpenAIParameters.serviceTier(reader.reader)
        request.tools = try tools(reader)
        request.toolChoice = try toolChoice(reader)
        request.allowsParallelTools = try reader.flag(reader.body, "parallel_tool_calls", nil)
        request.outputFormat = try outputFormat(reader)
        request.thinking = try thinking(reader)
        try readMessages(reader, into: &request)
        return request
    }

    /// Fields that may stay where they ask for nothing: a penalty of zero, one answer.
    private static func checkFields(_ reader: TranslationReader) throws(RequestFault) {
        for field in reader.body.fields where field.value.kind != .null {
            let name = field.name.text
            if carried.contains(name) || dropped.contains(name) { continue }
            let value = reader.bytes[field.value.range]
            let isIdle =
                switch name {
                case "n": value.elementsEqual("1".utf8)
                case "frequency_penalty", "presence_penalty", "top_logprobs":
                    value.allSatisfy { "0.-".utf8.contains($0) }
                case "logprobs", "store": value.elementsEqual("false".utf8)
                case "logit_bias": value.elementsEqual("{}".utf8)
                case "verbosity": value.elementsEqual(#""medium""#.utf8)
                default: false
                }
            guard isIdle else { throw .untranslatable(name) }
        }
    }

    private static func stops(_ reader: TranslationReader) throws(RequestFault) -> [String] {
        guard let value = reader.body.present("stop") else { return [] }
        if value.kind == .string { return [try reader.text(value, "stop")] }
        var stops: [String] = []
        for (index, element) in try reader.elements(value, "stop").enumerated() {
            stops.append(try reader.text(element, "stop[\(index)]"))
        }
        return stops
    }

    private static func thinking(
        _ reader: TranslationReader
    ) throws(RequestFault) -> Neutral.Thinking? {
        guard let text = try reader.text(reader.body, "reasoning_effort", nil) else { return nil }
        return try .init(effort: text, "reasoning_effort")
    }

    // MARK: Tools

    private static func tools(_ reader: TranslationReader) throws(RequestFault) -> [Neutral.Tool] {
        guard let value = reader.body.present("tools") else { return [] }
        var tools: [Neutral.Tool] = []
        for (index, element) in try reader.elements(value, "tools").enumerated() {
            let path = "tools[\(index)]"
            let outer = try reader.object(
                element,
                path,
                carried: ["type", "function", "cache_control"]
            )
            let type = try reader.text(outer, "type", path) ?? "function"
            guard type == "function" else { throw .untranslatable("\(path).type", " '\(type)'") }
            guard let function = outer.present("function") else {
                throw .missing("\(path).function")
            }
            var tool = try Self.function(reader, function, "\(path).function")
            tool.cache = try reader.cache(outer, path)
            tools.append(tool)
        }
        return tools
    }

    /// The definition of a function, which the Responses format has without a wrapping.
    static func function(
        _ reader: TranslationReader,
        _ value: JSONValue,
        _ path: String
    ) throws(RequestFault) -> Neutral.Tool {
        let object = try reader.object(
            value,
            path,
            carried: ["type", "name", "description", "parameters", "strict"]
        )
        var tool = Neutral.Tool(name: try reader.required(object, "name", path))
        tool.description = try reader.text(object, "description", path)
        if let schema = object.present("parameters") {
            tool.parameters = try reader.raw(schema, "\(path).parameters")
        }
        tool.isStrict = try reader.flag(object, "strict", path)
        return tool
    }

    private static func toolChoice(
        _ reader: TranslationReader
    ) throws(RequestFault) -> Neutral.ToolChoice? {
        guard let value = reader.body.present("tool_choice") else { return nil }
        if value.kind == .string {
            return try .init(word: try reader.text(value, "tool_choice"))
        }
        let object = try reader.object(value, "tool_choice", carried: ["type", "function"])
        let type = try reader.required(object, "type", "tool_choice")
        guard type == "function", let function = object.present("function") else {
            throw .untranslatable("tool_choice.type", " '\(type)'")
        }
        let path = "tool_choice.function"
        let named = try reader.object(function, path, carried: ["name"])
        return .tool(try reader.required(named, "name", path))
    }

    private static func outputFormat(
        _ reader: TranslationReader
    ) throws(RequestFault) -> Neutral.OutputFormat {
        guard let value = reader.body.present("response_format") else { return .text }
        let path = "response_format"
        let object = try reader.object(value, path, carried: ["type", "json_schema"])
        let type = try reader.required(object, "type", path)
        switch type {
        case "text": return .text
        case "json_object": return .object
        case "json_schema":
            guard let schema = object.present("json_schema") else {
                throw .missing("\(path).json_schema")
            }
            return try Self.schema(reader, schema, "\(path).json_schema")
        default: throw .untranslatable("\(path).type", " '\(type)'")
        }
    }

    /// A named schema, which the Responses format has without a wrapping.
    static func schema(
        _ reader: TranslationReader,
        _ value: JSONValue,
        _ path: String
    ) throws(RequestFault) -> Neutral.OutputFormat {
        let object = try reader.object(value, path, carried: ["type", "name", "schema", "strict"])
        guard let schema = object.present("schema") else { throw .missing("\(path).schema") }
        return .schema(
            Neutral.Schema(
                name: try reader.text(object, "name", path),
                schema: try reader.raw(schema, "\(path).schema"),
                isStrict: try reader.flag(object, "strict", path)
            )
        )
    }
}

extension Neutral.ToolChoice {
    /// The words of OpenAI's formats.
    init(word: String) throws(RequestFault) {
        switch word {
        case "none": self = .none
        case "auto": self = .auto
        case "required": self = .required
        default: throw .invalidValue("tool_choice", "'\(word)' is not known")
        }
    }
}

extension Neutral.Thinking {
    /// The words of OpenAI's formats.
    init(effort word: String, _ path: String) throws(RequestFault) {
        guard let effort = Effort(rawValue: word) else {
            throw .invalidValue(path, "'\(word)' is not known")
        }
        self.init(effort: effort)
    }
}
