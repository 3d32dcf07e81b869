import Schema

/// The demo upstream's answers in Anthropic's messages format.
struct DemoMessages {
    let id: String
    let request: DemoRequest
    let answer: DemoAnswer

    private var stopReason: String {
        if case .toolCall = answer.content { return "tool_use" }
        return answer.isCut ? "max_tokens" : "end_turn"
    }

    private func usage(output: Int64) -> JSONNode {
        .object([
            ("input_tokens", .integer(answer.inputTokens)),
            ("cache_creation_input_tokens", .integer(0)),
            ("cache_read_input_tokens", .integer(0)),
            (
                "cache_creation",
                .object([
                    ("ephemeral_5m_input_tokens", .integer(0)),
                    ("ephemeral_1h_input_tokens", .integer(0)),
                ])
            ),
            ("output_tokens", .integer(output)), ("service_tier", .text("standard")),
        ])
    }

    var body: JSONNode {
        let block: JSONNode =
            switch answer.content {
            case .text(let pieces): textBlock(pieces.joined())
            case .toolCall(let name, let arguments, _): toolBlock(name, .raw(arguments))
            }
        return message(
            content: [block],
            stop: .text(stopReason),
            usage: usage(output: answer.outputTokens)
        )
    }

    /// The stream's events, in order.
    var events: [String] {
        let start = message(content: [], stop: .null, usage: usage(output: 1))
        var events = [event("message_start", [("message", start)])]
        switch answer.content {
        case .text(let pieces):
            events.append(blockStart(textBlock("")))
            events.append(event("ping", []))
            events += pieces.map { delta([("type", .text("text_delta")), ("text", .text($0))]) }
        case .toolCall(let name, let arguments, _):
            events.append(blockStart(toolBlock(name, .object([]))))
            events.append(
                delta([("type", .text("input_json_delta")), ("partial_json", .text(""))])
            )
            events.append(
                delta([("type", .text("input_json_delta")), ("partial_json", .text(arguments))])
            )
        }
        events.append(event("content_block_stop", [("index", .integer(0))]))
        events.append(
            event(
                "message_delta",
                [
                    (
                        "delta",
                        .object([("stop_reason", .text(stopReason)), ("stop_sequence", .null)])
                    ),
                    ("usage", .object([("output_tokens", .integer(answer.outputTokens))])),
                ]
            )
        )
        return events + [event("message_stop", [])]
    }

    private func textBlock(_ text: String) -> JSONNode {
        .object([("type", .text("text")), ("text", .text(text))])
    }

    private func toolBlock(_ name: String, _ input: JSONNode) -> JSONNode {
        .object([
            ("type", .text("tool_use")), ("id", .text("toolu_\(id)")), ("name", .text(name)),
            ("input", input),
        ])
    }

    private func message(content: [JSONNode], stop: JSONNode, usage: JSONNode) -> JSONNode {
        .object([
            ("id", .text("msg_\(id)")), ("type", .text("message")), ("role", .text("assistant")),
            ("model", .text(request.model)), ("content", .array(content)),
            ("stop_reason", stop), ("stop_sequence", .null), ("usage", usage),
        ])
    }

    private func blockStart(_ block: JSONNode) -> String {
        event("content_block_start", [("index", .integer(0)), ("content_block", block)])
    }

    private func delta(_ fields: [(String, JSONNode)]) -> String {
        event("content_block_delta", [("index", .integer(0)), ("delta", .object(fields))])
    }

    private func event(_ type: String, _ fields: [(String, JSONNode)]) -> String {
        "event: \(type)\ndata: \(JSONNode.object([("type", .text(type))] + fields).line)\n\n"
    }
}
