import Schema

/// The demo upstream's answers in OpenAI's older format without a chat.
struct DemoCompletions {
    let id: String
    let createdSeconds: Int64
    let request: DemoRequest
    let answer: DemoAnswer

    private var finishReason: String { answer.isCut ? "length" : "stop" }

    private var pieces: [String] {
        if case .text(let pieces) = answer.content { pieces } else { [] }
    }

    private var usage: JSONNode {
        let output = answer.outputTokens * Int64(request.choices)
        return .object([
            ("prompt_tokens", .integer(answer.inputTokens)),
            ("completion_tokens", .integer(output)),
            ("total_tokens", .integer(answer.inputTokens + output)),
        ])
    }

    var body: JSONNode {
        let choices = (0..<request.choices).map { choice($0, pieces.joined(), finishReason) }
        return head(choices, [("usage", usage)])
    }

    /// The stream's events, in order, the end marker included.
    var events: [String] {
        var events: [String] = []
        let usageField = request.wantsStreamUsage ? [("usage", JSONNode.null)] : []
        for index in 0..<request.choices {
            events += pieces.map { event(head([choice(index, $0, nil)], usageField)) }
            events.append(event(head([choice(index, "", finishReason)], usageField)))
        }
        if request.wantsStreamUsage { events.append(event(head([], [("usage", usage)]))) }
        return events + ["data: [DONE]\n\n"]
    }

    private func choice(_ index: Int, _ text: String, _ finish: String?) -> JSONNode {
        .object([
            ("text", .text(text)), ("index", .integer(Int64(index))), ("logprobs", .null),
            ("finish_reason", .optional(finish)),
        ])
    }

    private func head(_ choices: [JSONNode], _ more: [(String, JSONNode)]) -> JSONNode {
        .object(
            [
                ("id", .text("cmpl-\(id)")), ("object", .text("text_completion")),
                ("created", .integer(createdSeconds)), ("model", .text(request.model)),
                ("choices", .array(choices)),
            ] + more
        )
    }

    private func event(_ node: JSONNode) -> String { "data: \(node.line)\n\n" }
}
