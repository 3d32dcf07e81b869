import Foundation

/// What the demo upstream reads of a request, in either format.
struct DemoRequest {
    struct Tool {
        let name: String
        let schema: JSONTree
    }

    let model: String
    let isStreamed: Bool
    let wantsStreamUsage: Bool
    let choices: Int
    let promptWords: Int64
    let outputCap: Int64?
    /// The tool that the answer calls: the first one, unless the prompt ends with a tool's result.
    let tool: Tool?
    /// The schema that a structured answer must follow.
    let answerSchema: JSONTree?

    /// Nil when the body is not the JSON of a request.
    init?(_ body: [UInt8]) {
        guard let tree = try? JSONTree.reading(Data(body)), let model = tree["model"]?.text,
            case .array(let messages)? = tree["messages"]
        else { return nil }
        self.model = model
        if case .flag(true)? = tree["stream"] { isStreamed = true } else { isStreamed = false }
        if case .flag(true)? = tree["stream_options"]?["include_usage"] {
            wantsStreamUsage = true
        } else {
            wantsStreamUsage = false
        }
        choices = Int(tree["n"]?.integer ?? 1)
        outputCap = tree["max_completion_tokens"]?.integer ?? tree["max_tokens"]?.integer
        let contents = ([tree["system"]] + messages.map { $0["content"] }).compactMap(\.self)
        promptWords = contents.reduce(0) { $0 + Self.words($1) }
        tool = Self.tool(tree, messages)
        answerSchema =
            tree["response_format"]?["json_schema"]?["schema"]
            ?? tree["output_config"]?["format"]?["schema"]
    }

    private static func words(_ content: JSONTree) -> Int64 {
        switch content {
        case .text(let text): Int64(text.split(whereSeparator: \.isWhitespace).count)
        case .array(let parts): parts.reduce(0) { $0 + words($1) }
        case .object(let fields): (fields["text"] ?? fields["content"]).map(words) ?? 0
        default: 0
        }
    }

    private static func tool(_ tree: JSONTree, _ messages: [JSONTree]) -> Tool? {
        let choice = tree["tool_choice"]?.text ?? tree["tool_choice"]?["type"]?.text
        guard choice != "none", let first = tree["tools"]?.elements.first else { return nil }
        if messages.last?["role"]?.text == "tool" { return nil }
        let blocks = messages.last?["content"]?.elements ?? []
        if blocks.contains(where: { $0["type"]?.text == "tool_result" }) { return nil }
        let function = first["function"] ?? first
        guard let name = function["name"]?.text else { return nil }
        let schema = function["parameters"] ?? function["input_schema"] ?? .object([:])
        return Tool(name: name, schema: schema)
    }
}
