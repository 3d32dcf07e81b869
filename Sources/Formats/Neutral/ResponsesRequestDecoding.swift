import Schema

/// OpenAI's Responses, from requests to neutral values and from these to answers.
enum ResponsesCodec {
    /// Marks encrypted content that was redacted thinking, which has no text and no signature.
    static let redactedPrefix = "redacted:"
}

extension ResponsesCodec {
    private static let carried: Set<String> = [
        "model", "input", "instructions", "max_output_tokens", "stream", "temperature", "top_p",
        "tools", "tool_choice", "parallel_tool_calls", "text", "reasoning", "service_tier",
        "include", "truncation", "store", "top_logprobs",
    ]

    private static let dropped: Set<String> = [
        "user", "safety_identifier", "metadata", "prompt_cache_key", "stream_options",
    ]

    /// Reads a request whose facts have been read.
    static func request(from bytes: [UInt8]) throws(RequestFault) -> Neutral.Request {
        let reader = try TranslationReader(bytes)
        try reader.check(reader.body, nil, carried: carried, dropped: dropped)
        try checkIdle(reader)
        var request = Neutral.Request(model: try reader.required(reader.body, "model", nil))
        request.isStreamed = try reader.flag(reader.body, "stream", nil) ?? false
        request.outputCap = reader.body.present("max_output_tokens")?.integer(in: bytes)
        request.temperature = try reader.number("temperature")
        request.topP = try reader.number("top_p")
        request.serviceTier = try OpenAIParameters.serviceTier(reader.reader)
        request.tools = try tools(reader)
        request.toolChoice = try toolChoice(reader)
        request.allowsParallelTools = try reader.flag(reader.body, "parallel_tool_calls", nil)
        try readText(reader, into: &request)
        request.thinking = try thinking(reader)
        if let text = try reader.text(reader.body, "instructions", nil) {
            request.system.append(Neutral.Text(text))
        }
        try readInput(reader, into: &request)
        return request
    }

    /// Fields that may stay where they ask for nothing that the upstream does not do.
    private static func checkIdle(_ reader: TranslationReader) throws(RequestFault) {
        let body = reader.body
        // The default is to keep the answer; only who says so expects to find it again.
        if try reader.flag(body, "store", nil) == true { throw .untranslatable("store") }
        if let truncation = try reader.text(body, "truncation", nil), truncation != "disabled" {
            throw .untranslatable("truncation")
        }
        if let value = body.present("top_logprobs"), value.integer(in: reader.bytes) != 0 {
            throw .untranslatable("top_logprobs")
        }
        guard let include = body.present("include") else { return }
        for (index, element) in try reader.elements(include, "include").enumerated() {
            guard element.equals("reasoning.encrypted_content", in: reader.bytes) else {
                throw .untranslatable("include[\(index)]")
            }
        }
    }

    // MARK: Tools, format, reasoning

    private static func tools(_ reader: TranslationReader) throws(RequestFault) -> [Neutral.Tool] {
        guard let value = reader.body.present("tools") else { return [] }
        var tools: [Neutral.Tool] = []
        for (index, element) in try reader.elements(value, "tools").enumerated() {
            let path = "tools[\(index)]"
            let type = try reader.required(try reader.reader.object(element, path), "type", path)
            guard type == "function" else { throw .untranslatable("\(path).type", " '\(type)'") }
            tools.append(try ChatCodec.function(reader, element, path))
        }
        return tools
    }

    private static func toolChoice(
        _ reader: TranslationReader
    ) throws(RequestFault) -> Neutral.ToolChoice? {
        guard let value = reader.body.present("tool_choice") else { return nil }
        if value.kind == .string {
            return try .init(word: try reader.text(value, "tool_choice"))
        }
        let object = try reader.object(value, "tool_choice", carried: ["type", "name"])
        let type = try reader.required(object, "type", "tool_choice")
        guard type == "function" else { throw .untranslatable("tool_choice.type", " '\(type)'") }
        return .tool(try reader.required(object, "name", "tool_choice"))
    }

    private static func readText(
        _ reader: TranslationReader,
        into request: inout Neutral.Request
    ) throws(RequestFault) {
        guard let value = reader.body.present("text") else { return }
        let object = try reader.object(value, "text", carried: ["format", "verbosity"])
        if let verbosity = try reader.text(object, "verbosity", "text"), verbosity != "medium" {
            throw .untranslatable("text.verbosity")
        }
        guard let format = object.present("format") else { return }
        let path = "text.format"
        let type = try reader.required(try reader.reader.object(format, path), "type", path)
        switch type {
        case "text": return
        case "json_object": request.outputFormat = .object
        case "json_schema": request.outputFormat = try ChatCodec.schema(reader, format, path)
        default: throw .untranslatable("\(path).type", " '\(type)'")
        }
    }

    private static func thinking(
        _ reader: TranslationReader
    ) throws(RequestFault) -> Neutral.Thinking? {
        guard let value = reader.body.present("reasoning") else { return nil }
        let object = try reader.object(
            value,
            "reasoning",
            carried: ["effort"],
            dropped: ["summary", "generate_summary", "context"]
        )
        guard let effort = try reader.text(object, "effort", "reasoning") else { return nil }
        return try .init(effort: effort, "reasoning.effort")
    }

    // MARK: Items

    private static func readInput(
        _ reader: TranslationReader,
        into request: inout Neutral.Request
    ) throws(RequestFault) {
        guard let value = reader.body.present("input") else { throw .missing("input") }
        if value.kind == .string {
            let text = try reader.text(value, "input")
            request.turns.append(Neutral.Turn(.user, [Neutral.Part(.text(text))]))
            return
        }
        for (index, element) in try reader.elements(value, "input").enumerated() {
            let path = "input[\(index)]"
            let item = try reader.reader.object(element, path)
            let type = try reader.text(item, "type", path) ?? "message"
            switch type {
            case "message":
                try readMessage(item, reader, path, into: &request)
            case "function_call":
                try reader.check(
                    item,
                    path,
                    carried: ["type", "call_id", "name", "arguments"],
                    dropped: ["id", "status"]
                )
                request.continueAnswer(
                    .toolCall(
                        Neutral.ToolCall(
                            id: try reader.required(item, "call_id", path),
                            name: try reader.required(item, "name", path),
                            arguments: try reader.text(item, "arguments", path) ?? ""
                        )
                    )
                )
            case "function_call_output":
                try reader.check(
                    item,
                    path,
                    carried: ["type", "call_id", "output"],
                    dropped: ["id", "status"]
                )
                let result = Neutral.ToolResult(
                    callID: try reader.required(item, "call_id", path),
                    parts: try parts(of: item["output"], reader, "\(path).output")
                )
                request.add(.user, [Neutral.Part(.toolResult(result))])
            case "reasoning":
                for reasoning in try Self.reasoning(item, reader, path) {
                    request.continueAnswer(.reasoning(reasoning))
                }
            default:
                throw .untranslatable("\(path).type", " '\(type)'")
            }
        }
    }

    private static func readMessage(
        _ item: JSONObject,
        _ reader: TranslationReader,
        _ path: String,
        into request: inout Neutral.Request
    ) throws(RequestFault) {
        try reader.check(
            item,
            path,
            carried: ["type", "role", "content"],
            dropped: ["id", "status", "phase"]
        )
        let role = try reader.required(item, "role", path)
        let parts = try parts(of: item["content"], reader, "\(path).content")
        switch role {
        case "user": request.add(.user, parts)
        case "system", "developer": try request.instruct(parts, "\(path).content")
        case "assistant": for part in parts { request.continueAnswer(part.content) }
        default: throw .untranslatable("\(path).role", " '\(role)'")
        }
    }

    private static func parts(
        of value: JSONValue?,
        _ reader: TranslationReader,
        _ path: String
    ) throws(RequestFault) -> [Neutral.Part] {
        guard let value, value.kind != .null else { return [] }
        if value.kind == .string { return [Neutral.Part(.text(try reader.text(value, path)))] }
        var parts: [Neutral.Part] = []
        for (index, element) in try reader.elements(value, path).enumerated() {
            let path = "\(path)[\(index)]"
            let object = try reader.object(
                element,
                path,
                carried: ["type", "text", "refusal", "image_url", "detail"],
                dropped: ["annotations", "logprobs"]
            )
            let type = try reader.required(object, "type", path)
            switch type {
            case "input_text", "output_text", "text":
                parts.append(Neutral.Part(.text(try reader.required(object, "text", path))))
            case "refusal":
                parts.append(Neutral.Part(.refusal(try reader.required(object, "refusal", path))))
            case "input_image":
                let image = Neutral.Image(
                    url: try reader.required(object, "image_url", path),
                    detail: try reader.text(object, "detail", path)
                )
                parts.append(Neutral.Part(.image(image)))
            default: throw .untranslatable("\(path).type", " '\(type)'")
            }
        }
        return parts
    }

    /// What this gateway made of thinking comes back with its signature as encrypted content.
    private static func reasoning(
        _ item: JSONObject,
        _ reader: TranslationReader,
        _ path: String
    ) throws(RequestFault) -> [Neutral.Reasoning] {
        try reader.check(
            item,
            path,
            carried: ["type", "summary", "content", "encrypted_content"],
            dropped: ["id", "status"]
        )
        let encrypted = try reader.text(item, "encrypted_content", path)
        if let encrypted, encrypted.hasPrefix(redactedPrefix) {
            return [.redacted(String(encrypted.dropFirst(redactedPrefix.count)))]
        }
        var texts: [String] = []
        let summaryPath = "\(path).summary"
        if let summary = item.present("summary") {
            for (index, element) in try reader.elements(summary, summaryPath).enumerated() {
                let path = "\(summaryPath)[\(index)]"
                let object = try reader.object(element, path, carried: ["type", "text"])
                texts.append(try reader.required(object, "text", path))
            }
        }
        if texts.isEmpty, encrypted == nil { return [] }
        return [.text(texts.joined(separator: "\n"), signature: encrypted)]
    }
}

extension Neutral.Request {
    /// Adds a part to the model's turn, which this format has as items of their own.
    fileprivate mutating func continueAnswer(_ content: Neutral.Content) {
        if turns.last?.role == .assistant {
            turns[turns.count - 1].parts.append(Neutral.Part(content))
        } else {
            turns.append(Neutral.Turn(.assistant, [Neutral.Part(content)]))
        }
    }
}
