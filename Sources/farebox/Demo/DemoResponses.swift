import Schema

/// The demo upstream's answers in OpenAI's Responses format.
struct DemoResponses {
    let id: String
    let createdSeconds: Int64
    let request: DemoRequest
    let answer: DemoAnswer

    private enum Status: String {
        case begun = "in_progress"
        case completed
        case incomplete
    }

    private var end: Status { answer.isCut ? .incomplete : .completed }

    private var usage: JSONNode {
        .object([
            ("input_tokens", .integer(answer.inputTokens)),
            ("input_tokens_details", .object([("cached_tokens", .integer(0))])),
            ("output_tokens", .integer(answer.outputTokens)),
            ("output_tokens_details", .object([("reasoning_tokens", .integer(0))])),
            ("total_tokens", .integer(answer.inputTokens + answer.outputTokens)),
        ])
    }

    var body: JSONNode { response(end) }

    /// The stream's events, in order.
    var events: [String] {
        var events = DemoResponseEvents(itemID: itemID)
        events.add("response.created", [("response", response(.begun))])
        events.add("response.in_progress", [("response", response(.begun))])
        events.addItem("response.output_item.added", item(.begun))
        switch answer.content {
        case .text(let pieces): events.addText(pieces, part: part)
        case .toolCall(let name, let arguments, _):
            let type = "response.function_call_arguments"
            events.addPiece("\(type).delta", [("delta", .text(arguments))])
            events.addPiece(
                "\(type).done",
                [("arguments", .text(arguments)), ("name", .text(name))]
            )
        }
        events.addItem("response.output_item.done", item(end))
        events.add("response.\(end.rawValue)", [("response", response(end))])
        return events.list
    }

    private var itemID: String {
        if case .toolCall = answer.content { "fc_\(id)" } else { "msg_\(id)" }
    }

    private func item(_ status: Status) -> JSONNode {
        let fields: [(String, JSONNode)]
        let isBegun = status == .begun
        switch answer.content {
        case .text(let pieces):
            fields = [
                ("type", .text("message")), ("role", .text("assistant")),
                ("content", .array(isBegun ? [] : [part(pieces.joined())])),
            ]
        case .toolCall(let name, let arguments, _):
            fields = [
                ("type", .text("function_call")), ("call_id", .text("call_\(id)")),
                ("name", .text(name)), ("arguments", .text(isBegun ? "" : arguments)),
            ]
        }
        return .object([("id", .text(itemID)), ("status", .text(status.rawValue))] + fields)
    }

    private func part(_ text: String) -> JSONNode {
        .object([
            ("type", .text("output_text")), ("text", .text(text)), ("annotations", .array([])),
            ("logprobs", .array([])),
        ])
    }

    private func response(_ status: Status) -> JSONNode {
        let isBegun = status == .begun
        let reason = JSONNode.object([("reason", .text("max_output_tokens"))])
        return .object([
            ("id", .text("resp_\(id)")), ("object", .text("response")),
            ("created_at", .integer(createdSeconds)), ("status", .text(status.rawValue)),
            ("error", .null), ("incomplete_details", status == .incomplete ? reason : .null),
            ("instructions", .null), ("metadata", .object([])), ("model", .text(request.model)),
            ("output", .array(isBegun ? [] : [item(status)])),
            ("parallel_tool_calls", .flag(true)), ("service_tier", .text("default")),
            ("temperature", .null), ("tool_choice", .text("auto")), ("tools", .array([])),
            ("top_p", .null), ("usage", isBegun ? .null : usage),
        ])
    }
}

/// The numbered events of one response with one item.
private struct DemoResponseEvents {
    let itemID: String
    private(set) var list: [String] = []

    init(itemID: String) {
        self.itemID = itemID
    }

    mutating func add(_ type: String, _ fields: [(String, JSONNode)]) {
        let head: [(String, JSONNode)] = [
            ("type", .text(type)), ("sequence_number", .integer(Int64(list.count))),
        ]
        list.append("event: \(type)\ndata: \(JSONNode.object(head + fields).line)\n\n")
    }

    mutating func addItem(_ type: String, _ item: JSONNode) {
        add(type, [("output_index", .integer(0)), ("item", item)])
    }

    /// An event about a piece of the item.
    mutating func addPiece(_ type: String, _ fields: [(String, JSONNode)]) {
        add(type, [("item_id", .text(itemID)), ("output_index", .integer(0))] + fields)
    }

    mutating func addText(_ pieces: [String], part: (String) -> JSONNode) {
        let place: [(String, JSONNode)] = [("content_index", .integer(0))]
        let noLogprobs: [(String, JSONNode)] = [("logprobs", .array([]))]
        addPiece("response.content_part.added", place + [("part", part(""))])
        for piece in pieces {
            addPiece(
                "response.output_text.delta",
                place + [("delta", .text(piece))] + noLogprobs
            )
        }
        let text = pieces.joined()
        addPiece("response.output_text.done", place + [("text", .text(text))] + noLogprobs)
        addPiece("response.content_part.done", place + [("part", part(text))])
    }
}
