import Schema

/// The demo upstream's answers in OpenAI's chat completions format.
struct DemoChat {
    let id: String
    let createdSeconds: Int64
    let request: DemoRequest
    let answer: DemoAnswer

    private var finishReason: String {
        if case .toolCall = answer.content { return "tool_calls" }
        return answer.isCut ? "length" : "stop"
    }

    private var usage: JSONNode {
        let output = answer.outputTokens * Int64(request.choices)
        return .object([
            ("prompt_tokens", .integer(answer.inputTokens)),
            ("completion_tokens", .integer(output)),
            ("total_tokens", .integer(answer.inputTokens + output)),
            ("prompt_tokens_details", .object([("cached_tokens", .integer(0))])),
            ("completion_tokens_details", .object([("reasoning_tokens", .integer(0))])),
        ])
    }

    var body: JSONNode {
        let choices = (0..<request.choices).map { index in
            JSONNode.object([
                ("index", .integer(Int64(index))), ("message", message),
                ("logprobs", .null), ("finish_reason", .text(finishReason)),
            ])
        }
        return head("chat.completion", choices, [("usage", usage)])
    }

    private var message: JSONNode {
        switch answer.content {
        case .text(let pieces):
            .object([
                ("role", .text("assistant")), ("content", .text(pieces.joined())),
                ("refusal", .null),
            ])
        case .toolCall(let name, let arguments, _):
            .object([
                ("role", .text("assistant")), ("content", .null), ("refusal", .null),
                ("tool_calls", .array([call(name, arguments, index: nil)])),
            ])
        }
    }

    /// The stream's events, in order, the end marker included.
    var events: [String] {
        var events: [String] = []
        for index in 0..<request.choices {
            events.append(chunk(index, [("role", .text("assistant")), ("content", .text(""))]))
            switch answer.content {
            case .text(let pieces):
                events += pieces.map { chunk(index, [("content", .text($0))]) }
            case .toolCall(let name, let arguments, _):
                let start = call(name, "", index: 0)
                let rest = JSONNode.object([
                    ("index", .integer(0)),
                    ("function", .object([("arguments", .text(arguments))])),
                ])
                events.append(chunk(index, [("tool_calls", .array([start]))]))
                events.append(chunk(index, [("tool_calls", .array([rest]))]))
            }
            events.append(chunk(index, [], finish: finishReason))
        }
        if request.wantsStreamUsage {
            events.append(event(head("chat.completion.chunk", [], [("usage", usage)])))
        }
        return events + ["data: [DONE]\n\n"]
    }

    private func call(_ name: String, _ arguments: String, index: Int64?) -> JSONNode {
        let position = index.map { [("index", JSONNode.integer($0))] } ?? []
        return .object(
            position + [
                ("id", .text("call_\(id)")), ("type", .text("function")),
                (
                    "function",
                    .object([("name", .text(name)), ("arguments", .text(arguments))])
                ),
            ]
        )
    }

    private func chunk(
        _ index: Int,
        _ delta: [(String, JSONNode)],
        finish: String? = nil
    ) -> String {
        let choice = JSONNode.object([
            ("index", .integer(Int64(index))), ("delta", .object(delta)),
            ("logprobs", .null), ("finish_reason", .optional(finish)),
        ])
        let usage = request.wantsStreamUsage ? [("usage", JSONNode.null)] : []
        return event(head("chat.completion.chunk", [choice], usage))
    }

    private func head(
        _ object: String,
        _ choices: [JSONNode],
        _ more: [(String, JSONNode)]
    ) -> JSONNode {
        .object(
            [
                ("id", .text("chatcmpl-\(id)")), ("object", .text(object)),
                ("created", .integer(createdSeconds)), ("model", .text(request.model)),
                ("service_tier", .text("default")), ("choices", .array(choices)),
            ] + more
        )
    }

    private func event(_ node: JSONNode) -> String { "data: \(node.line)\n\n" }
}
