import Schema

/// Reads an OpenAI Responses request.
///
/// What the upstream would hold, run or look up is refused, for neither its tokens nor its price
/// are in the body: background runs, earlier responses, conversations, prompts, files, and tools
/// other than the client's own.
enum ResponsesRequest {
    private static let isHeldUpstream = "is not offered: the upstream would hold what it refers to"

    private static let parameters = ParameterTable(
        read: [
            "model", "input", "instructions", "stream", "stream_options", "max_output_tokens",
            "service_tier", "tools", "reasoning", "prompt_cache_options",
        ],
        refused: OpenAIParameters.refused.filter { $0.key != "max_output_tokens" }.merging([
            "background": "is not offered: its answer would come after the call",
            "previous_response_id": isHeldUpstream, "conversation": isHeldUpstream,
            "prompt": isHeldUpstream,
            "max_tokens": "is not offered: the cap is 'max_output_tokens'",
            "max_completion_tokens": "is not offered: the cap is 'max_output_tokens'",
            "n": "is not offered by this format",
            "messages": "is not offered: the prompt is 'input'",
            "multi_agent": "is not offered: its tokens have no bound",
        ]) { _, second in second }
    )

    /// The least cap that the API takes.
    private static let outputCapLeast: Int64 = 16

    /// Tools that the client runs although the upstream defines them.
    private static let clientTools = ["local_shell", "apply_patch"]

    static func facts(of bytes: [UInt8]) throws(RequestFault) -> CallFacts {
        let reader = try RequestReader(bytes, parameters: parameters)
        var facts = CallFacts(endpoint: .responses, outputCapField: .maxOutputTokens)
        facts.places.bodyStart = reader.body.bodyStart
        (facts.model, facts.places.model) = try reader.model()
        facts.isStreamed = try reader.flag("stream")
        let cap = reader.body["max_output_tokens"]
        facts.outputCap = try reader.integer(
            cap,
            "max_output_tokens",
            in: 1...TokenUsage.countMax
        )
        facts.places.maxOutputTokens = cap?.range
        facts.outputCapFloor = min(outputCapLeast, facts.outputCap ?? outputCapLeast)
        facts.serviceTier = try OpenAIParameters.serviceTier(reader)
        try checkReasoning(reader)

        var meter = PromptMeter(reader, format: .openAI, cacheWrites: .short)
        try OpenAIParameters.readCacheOptions(reader, into: &meter)
        if try reader.string("instructions") != nil { meter.messageCount += 1 }
        try meter.items("input")
        try meter.tools("tools", plain: ["function", "custom"], clientPrefixes: clientTools)
        facts.take(meter)
        return facts
    }

    private static let reasoningParameters = ParameterTable(
        read: ["effort", "summary", "generate_summary", "context"],
        refused: ["mode": "is not offered: it has no bound of tokens"]
    )

    private static func checkReasoning(_ reader: RequestReader) throws(RequestFault) {
        guard let value = reader.body.present("reasoning") else { return }
        for field in try reader.object(value, "reasoning").fields {
            try reasoningParameters.check(field, path: "reasoning")
        }
    }
}

extension PromptMeter {
    private static let itemParameters = ParameterTable(
        read: ["type", "role", "content", "output", "summary", "encrypted_content"],
        refused: ["file_id": "is not offered: files belong to the upstream's account"]
    )

    /// Counts the items of a Responses input, which may also be a text.
    mutating func items(_ name: StaticString) throws(RequestFault) {
        guard let value = reader.body.present(name) else { throw .missing("\(name)") }
        if value.kind == .string {
            messageCount += 1
            return
        }
        let items = try reader.elements(of: value, "\(name)")
        if items.isEmpty { throw .invalidValue("\(name)", "it is empty") }
        messageCount += Int64(items.count)
        for (index, item) in items.enumerated() {
            try self.item(item, "\(name)[\(index)]")
        }
    }

    private mutating func item(
        _ value: JSONValue,
        _ path: @autoclosure () -> String
    ) throws(RequestFault) {
        let item = try reader.object(value, path())
        for field in item.fields { try Self.itemParameters.check(field, path: path()) }
        guard let type = item.present("type") else {
            return try itemContent(item["content"], "\(path()).content")
        }
        guard let name = type.string(in: reader.bytes) else {
            throw .wrongType("\(path()).type", expected: "a string")
        }
        switch name {
        case "message", "reasoning":
            try itemContent(item["content"], "\(path()).content")
        case "function_call_output", "custom_tool_call_output":
            try itemContent(item["output"], "\(path()).output")
        case "function_call", "custom_tool_call", "local_shell_call", "local_shell_call_output",
            "apply_patch_call", "apply_patch_call_output":
            return
        case "item_reference":
            throw .unsupported(
                "\(path()).type",
                "'item_reference' is not offered: the upstream would hold what it refers to"
            )
        default:
            throw .unsupported("\(path()).type", "'\(name)' has no bound of tokens here")
        }
    }

    private mutating func itemContent(
        _ value: JSONValue?,
        _ path: @autoclosure () -> String
    ) throws(RequestFault) {
        guard let value else { return }
        switch value.kind {
        case .string, .null:
            return
        case .array:
            for (index, part) in try reader.elements(of: value, path()).enumerated() {
                try self.part(part, "\(path())[\(index)]")
            }
        case .object, .number, .boolean:
            throw .wrongType(path(), expected: "a string or an array")
        }
    }

    private static let partParameters = ParameterTable(
        read: ["type", "text", "image_url"],
        refused: [
            "file_id": "is not offered: files belong to the upstream's account",
            "file_data": "is not offered: a file has no bound of tokens",
            "file_url": "is not offered: a file has no bound of tokens",
            "input_audio": "is not offered: audio has no bound of tokens",
        ]
    )

    private mutating func part(
        _ value: JSONValue,
        _ path: @autoclosure () -> String
    ) throws(RequestFault) {
        let part = try reader.object(value, path())
        for field in part.fields { try Self.partParameters.check(field, path: path()) }
        guard let type = part.present("type") else { throw .missing("\(path()).type") }
        guard let name = type.string(in: reader.bytes) else {
            throw .wrongType("\(path()).type", expected: "a string")
        }
        switch name {
        case "input_text", "output_text", "refusal", "text", "summary_text", "reasoning_text":
            return
        case "input_image":
            imageCount += 1
            guard let url = part.present("image_url") else {
                throw .missing("\(path()).image_url")
            }
            guard url.kind == .string else {
                throw .wrongType("\(path()).image_url", expected: "a string")
            }
            mediaBytes += base64Length(ofDataURL: url)
        default:
            throw .unsupported("\(path()).type", "'\(name)' has no bound of tokens here")
        }
    }
}
