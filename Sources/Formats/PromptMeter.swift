import Schema

/// Sums up what the prompt of one request can come to, and refuses content without a bound.
struct PromptMeter {
    let reader: RequestReader
    private let format: APIFormat
    var messageCount: Int64 = 0
    var imageCount: Int64 = 0
    var cacheWrites: CacheWrites
    private var toolCount: Int64 = 0
    private var injectedPrompts: Int64 = 0
    var mediaBytes: Int64 = 0

    init(_ reader: RequestReader, format: APIFormat, cacheWrites: CacheWrites) {
        self.reader = reader
        self.format = format
        self.cacheWrites = cacheWrites
    }

    /// Bytes of the body that are not an image's base64.
    var textBytes: Int64 { Int64(reader.bytes.count) - mediaBytes }

    /// Prompt tokens at most, images aside.
    var textTokensBound: Int64 {
        let normalization =
            format == .anthropic ? NormalizedLength.gain(ofJSON: reader.bytes) : 0
        return textBytes + normalization
            + messageCount * InputBound.perMessage
            + toolCount * InputBound.perTool
            + InputBound.perRequest
            + injectedPrompts * InputBound.injectedPrompt
    }

    // MARK: Messages

    private static let messageParameters = ParameterTable(
        read: ["role", "content", "name", "tool_calls", "tool_call_id", "cache_control"],
        refused: ["audio": "refers to audio that the upstream keeps"]
    )

    mutating func messages() throws(RequestFault) {
        guard let value = reader.body.present("messages") else { throw .missing("messages") }
        let messages = try reader.elements(of: value, "messages")
        if messages.isEmpty { throw .invalidValue("messages", "it is empty") }
        messageCount = Int64(messages.count)
        for (index, message) in messages.enumerated() {
            try self.message(message, "messages[\(index)]")
        }
    }

    private mutating func message(
        _ value: JSONValue,
        _ path: @autoclosure () -> String
    ) throws(RequestFault) {
        let message = try reader.object(value, path())
        for field in message.fields { try Self.messageParameters.check(field, path: path()) }
        try cacheControl(of: message, path())
        try content(message["content"], "\(path()).content")
    }

    /// Text, or blocks of content.
    mutating func content(
        _ value: JSONValue?,
        _ path: @autoclosure () -> String
    ) throws(RequestFault) {
        guard let value else { return }
        switch value.kind {
        case .string, .null:
            return
        case .array:
            for (index, block) in try reader.elements(of: value, path()).enumerated() {
                try self.block(block, "\(path())[\(index)]")
            }
        case .object, .number, .boolean:
            throw .wrongType(path(), expected: "a string or an array")
        }
    }

    // MARK: Blocks

    private static let blockParameters = ParameterTable(
        read: ["type", "text", "image_url", "source", "content", "cache_control"],
        refused: [
            "file": "is not offered: a file has no bound of tokens",
            "file_id": "is not offered: files belong to the upstream's account",
            "input_audio": "is not offered: audio has no bound of tokens",
            "audio_url": "is not offered: audio has no bound of tokens",
            "video_url": "is not offered: video has no bound of tokens",
        ]
    )

    private mutating func block(
        _ value: JSONValue,
        _ path: @autoclosure () -> String
    ) throws(RequestFault) {
        let block = try reader.object(value, path())
        for field in block.fields { try Self.blockParameters.check(field, path: path()) }
        try cacheControl(of: block, path())
        guard let type = block.present("type") else { throw .missing("\(path()).type") }
        guard let name = type.string(in: reader.bytes) else {
            throw .wrongType("\(path()).type", expected: "a string")
        }
        switch (format, name) {
        case (_, "text"), (.openAI, "refusal"), (.anthropic, "thinking"),
            (.anthropic, "redacted_thinking"), (.anthropic, "tool_use"):
            return
        case (.openAI, "image_url"):
            imageCount += 1
            if let image = block["image_url"] { try imageURL(image, "\(path()).image_url") }
        case (.anthropic, "image"):
            imageCount += 1
            try source(of: block, path(), types: ["base64", "url"])
        case (.anthropic, "document"):
            try source(of: block, path(), types: ["text", "content"])
        case (.anthropic, "tool_result"), (.anthropic, "search_result"):
            try content(block["content"], "\(path()).content")
        default:
            throw .unsupported("\(path()).type", "'\(name)' has no bound of tokens here")
        }
    }

    /// OpenAI's image: an object with a `url`, or the URL itself.
    private mutating func imageURL(
        _ value: JSONValue,
        _ path: @autoclosure () -> String
    ) throws(RequestFault) {
        if value.kind == .string { return mediaBytes += base64Length(ofDataURL: value) }
        guard let url = try reader.object(value, path()).present("url") else {
            throw .missing("\(path()).url")
        }
        guard url.kind == .string else { throw .wrongType("\(path()).url", expected: "a string") }
        mediaBytes += base64Length(ofDataURL: url)
    }

    /// Anthropic's source of an image or a document.
    private mutating func source(
        of block: JSONObject,
        _ path: @autoclosure () -> String,
        types: [String]
    ) throws(RequestFault) {
        guard let value = block.present("source") else { throw .missing("\(path()).source") }
        let source = try reader.object(value, "\(path()).source")
        guard let type = source.present("type")?.string(in: reader.bytes) else {
            throw .missing("\(path()).source.type")
        }
        guard types.contains(type) else {
            throw .unsupported("\(path()).source.type", "'\(type)' has no bound of tokens here")
        }
        if type == "base64", let data = source["data"], data.kind == .string {
            mediaBytes += Int64(data.range.count - 2)
        }
        if type == "content" { try content(source["content"], "\(path()).source.content") }
    }

    /// The bytes of the payload of a base64 data URL; 0 for any other string, which then counts
    /// as text.
    func base64Length(ofDataURL value: JSONValue) -> Int64 {
        let text = reader.bytes[(value.range.lowerBound + 1)..<(value.range.upperBound - 1)]
        guard text.starts(with: "data:".utf8),
            let comma = text.prefix(256).firstIndex(of: UInt8(ascii: ",")),
            text[..<comma].suffix(7).elementsEqual(";base64".utf8)
        else { return 0 }
        return Int64(text.endIndex - comma - 1)
    }

    // MARK: Tools and cache

    private static let toolParameters = ParameterTable(read: ["type", "cache_control"])

    /// Counts the tools of a field and refuses those that the upstream itself would run.
    ///
    /// - Parameters:
    ///   - plain: types that are as good as none.
    ///   - clientPrefixes: how the types begin that the client runs although the upstream defines
    ///     them; each brings a prompt of its own.
    mutating func tools(
        _ name: StaticString,
        plain: Set<String>,
        clientPrefixes: [String]
    ) throws(RequestFault) {
        guard let value = reader.body.present(name) else { return }
        let tools = try reader.elements(of: value, "\(name)")
        if tools.isEmpty { return }
        toolCount += Int64(tools.count)
        injectedPrompts += 1
        for (index, value) in tools.enumerated() {
            let tool = try reader.object(value, "\(name)[\(index)]")
            for field in tool.fields {
                try Self.toolParameters.check(field, path: "\(name)[\(index)]")
            }
            try cacheControl(of: tool, "\(name)[\(index)]")
            guard let type = tool.present("type") else { continue }
            guard let text = type.string(in: reader.bytes) else {
                throw .wrongType("\(name)[\(index)].type", expected: "a string")
            }
            if plain.contains(text) { continue }
            guard clientPrefixes.contains(where: text.hasPrefix) else {
                throw .unsupported(
                    "\(name)[\(index)].type",
                    "'\(text)' is not offered: the upstream would run it"
                )
            }
            injectedPrompts += 1
        }
    }

    private static let cacheParameters = ParameterTable(read: ["type", "ttl"])

    /// Notes what a `cache_control` field of an object asks for; `path` is nil for the body.
    mutating func cacheControl(
        of object: JSONObject,
        _ path: @autoclosure () -> String?
    ) throws(RequestFault) {
        guard let value = object.present("cache_control") else { return }
        let name = path().map { "\($0).cache_control" } ?? "cache_control"
        let control = try reader.object(value, name)
        for field in control.fields { try Self.cacheParameters.check(field, path: name) }
        cacheWrites = max(cacheWrites, .short)
        guard let ttl = control.present("ttl") else { return }
        switch ttl.string(in: reader.bytes) {
        case "5m": return
        case "1h": cacheWrites = .long
        default: throw .invalidValue("\(name).ttl", "expected '5m' or '1h'")
        }
    }
}

extension RequestReader {
    func elements(
        of value: JSONValue,
        _ path: @autoclosure () -> String
    ) throws(RequestFault) -> [JSONValue] {
        guard value.kind == .array else { throw .wrongType(path(), expected: "an array") }
        var values: [JSONValue] = []
        var scanner = JSONScanner(bytes, in: value.range)
        do throws(JSONScanError) {
            try scanner.elements { scanner throws(JSONScanError) in
                values.append(try scanner.value())
            }
        } catch {
            throw RequestFault(error, in: bytes, path: path())
        }
        return values
    }
}
