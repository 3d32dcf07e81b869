import Schema

extension ChatCodec {
    static func readMessages(
        _ reader: TranslationReader,
        into request: inout Neutral.Request
    ) throws(RequestFault) {
        guard let value = reader.body.present("messages") else { throw .missing("messages") }
        for (index, element) in try reader.elements(value, "messages").enumerated() {
            let path = "messages[\(index)]"
            let message = try reader.object(
                element,
                path,
                carried: [
                    "role", "content", "refusal", "tool_calls", "tool_call_id", "cache_control",
                    "reasoning_content", "reasoning_details",
                ],
                dropped: ["annotations"]
            )
            let role = try reader.required(message, "role", path)
            switch role {
            case "system", "developer":
                try request.instruct(try Self.parts(reader, message, path), "\(path).content")
            case "user":
                request.add(.user, try Self.parts(reader, message, path))
            case "assistant":
                request.turns.append(
                    Neutral.Turn(.assistant, try assistantParts(reader, message, path))
                )
            case "tool":
                let result = Neutral.ToolResult(
                    callID: try reader.required(message, "tool_call_id", path),
                    parts: try parts(of: message["content"], reader, "\(path).content")
                )
                let cache = try reader.cache(message, path)
                request.add(.user, [Neutral.Part(.toolResult(result), cache: cache)])
            default:
                throw .untranslatable("\(path).role", " '\(role)'")
            }
        }
    }

    /// The content of a message; a mark on the message is one on its last part.
    private static func parts(
        _ reader: TranslationReader,
        _ message: JSONObject,
        _ path: String
    ) throws(RequestFault) -> [Neutral.Part] {
        var parts = try parts(of: message["content"], reader, "\(path).content")
        let cache = try reader.cache(message, path)
        if cache > .none, !parts.isEmpty {
            parts[parts.count - 1].cache = max(parts[parts.count - 1].cache, cache)
        }
        return parts
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
            parts.append(try part(element, reader, "\(path)[\(index)]"))
        }
        return parts
    }

    private static func part(
        _ value: JSONValue,
        _ reader: TranslationReader,
        _ path: String
    ) throws(RequestFault) -> Neutral.Part {
        let object = try reader.object(
            value,
            path,
            carried: ["type", "text", "refusal", "image_url", "cache_control"]
        )
        let content: Neutral.Content
        let type = try reader.required(object, "type", path)
        switch type {
        case "text": content = .text(try reader.required(object, "text", path))
        case "refusal": content = .refusal(try reader.required(object, "refusal", path))
        case "image_url":
            guard let image = object.present("image_url") else {
                throw .missing("\(path).image_url")
            }
            content = .image(try self.image(image, reader, "\(path).image_url"))
        default: throw .untranslatable("\(path).type", " '\(type)'")
        }
        return Neutral.Part(content, cache: try reader.cache(object, path))
    }

    private static func image(
        _ value: JSONValue,
        _ reader: TranslationReader,
        _ path: String
    ) throws(RequestFault) -> Neutral.Image {
        if value.kind == .string {
            return Neutral.Image(url: try reader.text(value, path), detail: nil)
        }
        let object = try reader.object(value, path, carried: ["url", "detail"])
        return Neutral.Image(
            url: try reader.required(object, "url", path),
            detail: try reader.text(object, "detail", path)
        )
    }

    // MARK: The model's turns

    private static func assistantParts(
        _ reader: TranslationReader,
        _ message: JSONObject,
        _ path: String
    ) throws(RequestFault) -> [Neutral.Part] {
        var parts = try reasoning(reader, message, path).map { Neutral.Part(.reasoning($0)) }
        parts += try Self.parts(reader, message, path)
        if let refusal = try reader.text(message, "refusal", path) {
            parts.append(Neutral.Part(.refusal(refusal)))
        }
        guard let calls = message.present("tool_calls") else { return parts }
        for (index, call) in try reader.elements(calls, "\(path).tool_calls").enumerated() {
            parts.append(
                Neutral.Part(.toolCall(try self.call(call, reader, "\(path).tool_calls[\(index)]")))
            )
        }
        return parts
    }

    private static func call(
        _ value: JSONValue,
        _ reader: TranslationReader,
        _ path: String
    ) throws(RequestFault) -> Neutral.ToolCall {
        let object = try reader.object(
            value,
            path,
            carried: ["id", "type", "function"],
            dropped: ["index"]
        )
        guard let function = object.present("function") else {
            throw .untranslatable("\(path).type")
        }
        let named = try reader.object(
            function,
            "\(path).function",
            carried: ["name", "arguments"]
        )
        return Neutral.ToolCall(
            id: try reader.required(object, "id", path),
            name: try reader.required(named, "name", "\(path).function"),
            arguments: try reader.text(named, "arguments", "\(path).function") ?? ""
        )
    }

    /// `reasoning_details` carry signatures, `reasoning_content` plain text; the format itself
    /// knows neither, and clients send back what they were given.
    private static func reasoning(
        _ reader: TranslationReader,
        _ message: JSONObject,
        _ path: String
    ) throws(RequestFault) -> [Neutral.Reasoning] {
        let plain = try reader.text(message, "reasoning_content", path)
        guard let details = message.present("reasoning_details") else {
            return plain.map { [.text($0, signature: nil)] } ?? []
        }
        let detailsPath = "\(path).reasoning_details"
        var found: [ReasoningDetail] = []
        for (index, element) in try reader.elements(details, detailsPath).enumerated() {
            let path = "\(detailsPath)[\(index)]"
            guard let detail = try ReasoningDetail(element, reader, path) else { continue }
            if found.last?.goesOn(with: detail) == true {
                found[found.count - 1].take(detail)
            } else {
                found.append(detail)
            }
        }
        let blocks = found.filter { $0.data == nil }
        guard let plain, blocks.allSatisfy({ $0.text == nil }) else {
            return found.map { $0.reasoning(text: "") }
        }
        // Whose text it was that a signature is of, nobody can tell where there are several.
        if blocks.count > 1 { throw .missing("\(blocks[0].path).text") }
        return found.map { $0.reasoning(text: plain) }
    }
}

/// One block of reasoning as a chat's message has it, perhaps in the pieces of its stream: a
/// client may join those of one index, or send them back as they came.
private struct ReasoningDetail {
    let path: String
    let index: Int64?
    /// What is encrypted; nil for a text.
    let data: String?
    private(set) var text: String?
    private var signature: String?

    /// Nil for a kind that says nothing to an upstream of another format.
    init?(
        _ value: JSONValue,
        _ reader: TranslationReader,
        _ path: String
    ) throws(RequestFault) {
        let detail = try reader.reader.object(value, path)
        self.path = path
        index = detail.present("index")?.integer(in: reader.bytes)
        switch try reader.required(detail, "type", path) {
        case "reasoning.text":
            data = nil
            text = try reader.text(detail, "text", path)
            signature = try reader.text(detail, "signature", path)
        case "reasoning.encrypted": data = try reader.required(detail, "data", path)
        default: return nil
        }
    }

    func goesOn(with next: Self) -> Bool {
        index != nil && index == next.index && data == nil && next.data == nil
    }

    mutating func take(_ next: Self) {
        if let more = next.text { text = (text ?? "") + more }
        signature = next.signature ?? signature
    }

    /// - Parameter elsewhere: the text where the detail has none.
    func reasoning(text elsewhere: String) -> Neutral.Reasoning {
        data.map { .redacted($0) } ?? .text(text ?? elsewhere, signature: signature)
    }
}

extension Neutral.Request {
    /// Adds instructions: before the conversation, or amid it.
    ///
    /// - Throws: when they are not all text; no other format has room for images there.
    mutating func instruct(_ parts: [Neutral.Part], _ path: String) throws(RequestFault) {
        var texts: [Neutral.Text] = []
        for (index, part) in parts.enumerated() {
            guard case .text(let text) = part.content else {
                throw .untranslatable("\(path)[\(index)].type", " of an instruction")
            }
            texts.append(Neutral.Text(text, cache: part.cache))
        }
        if turns.isEmpty { system += texts } else { turns.append(Neutral.Turn(.system, parts)) }
    }

    /// Adds parts to the conversation: all results of a turn's tools, and what the user says to
    /// them, are one turn.
    mutating func add(_ role: Neutral.Turn.Role, _ parts: [Neutral.Part]) {
        if let last = turns.last, last.role == role, last.holdsOnlyToolResults {
            turns[turns.count - 1].parts += parts
        } else {
            turns.append(Neutral.Turn(role, parts))
        }
    }
}

extension Neutral.Turn {
    var holdsOnlyToolResults: Bool {
        !parts.isEmpty
            && parts.allSatisfy { part in
                if case .toolResult = part.content { true } else { false }
            }
    }
}
