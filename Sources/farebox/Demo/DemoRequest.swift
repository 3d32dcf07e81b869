import Foundation

/// The routes of the demo upstream that cost tokens, or count them.
enum DemoEndpoint: String, CaseIterable {
    case chatCompletions = "/v1/chat/completions"
    case completions = "/v1/completions"
    case responses = "/v1/responses"
    case embeddings = "/v1/embeddings"
    case messages = "/v1/messages"
    case countTokens = "/v1/messages/count_tokens"
}

/// What the demo upstream reads of a request, in any format.
struct DemoRequest {
    struct Tool {
        let name: String
        let schema: JSONTree
    }

    let endpoint: DemoEndpoint
    let model: String
    let isStreamed: Bool
    let wantsStreamUsage: Bool
    /// Answers that are asked for: of each prompt, where there are several.
    let choices: Int
    let promptWords: Int64
    let outputCap: Int64?
    /// The tool that the answer calls: the first one, unless the prompt ends with a tool's result.
    let tool: Tool?
    /// The schema that a structured answer must follow.
    let answerSchema: JSONTree?
    /// Whether vectors are to be told in base64.
    let wantsBase64: Bool
    /// The length of a vector.
    let dimensions: Int

    /// Nil when the body is not the JSON of a request.
    init?(_ body: [UInt8], to endpoint: DemoEndpoint = .chatCompletions) {
        guard let tree = try? JSONTree.reading(Data(body)), let model = tree["model"]?.text,
            let prompt = tree[endpoint.promptField], endpoint.takesText || prompt.isList
        else { return nil }
        self.endpoint = endpoint
        self.model = model
        isStreamed = tree["stream"]?.isTrue ?? false
        wantsStreamUsage = tree["stream_options"]?["include_usage"]?.isTrue ?? false
        choices = Int(tree["n"]?.integer ?? 1) * (endpoint.takesPrompts ? prompt.textCount : 1)
        outputCap =
            tree["max_completion_tokens"]?.integer ?? tree["max_tokens"]?.integer
            ?? tree["max_output_tokens"]?.integer
        let contents = [tree["system"], tree["instructions"], prompt].compactMap(\.self)
        promptWords = contents.reduce(0) { $0 + Self.words($1) }
        tool = Self.tool(tree, prompt.elements)
        answerSchema =
            tree["response_format"]?["json_schema"]?["schema"]
            ?? tree["output_config"]?["format"]?["schema"] ?? tree["text"]?["format"]?["schema"]
        wantsBase64 = tree["encoding_format"]?.text == "base64"
        dimensions = Int(min(max(tree["dimensions"]?.integer ?? 8, 1), 4_096))
    }

    /// A word is a token; one that is sent as a token is one too.
    private static func words(_ content: JSONTree) -> Int64 {
        switch content {
        case .text(let text): Int64(text.split(whereSeparator: \.isWhitespace).count)
        case .integer: 1
        case .array(let parts): parts.reduce(0) { $0 + words($1) }
        case .object(let fields):
            (fields["text"] ?? fields["content"] ?? fields["output"]).map(words) ?? 0
        default: 0
        }
    }

    private static func tool(_ tree: JSONTree, _ turns: [JSONTree]) -> Tool? {
        let choice = tree["tool_choice"]?.text ?? tree["tool_choice"]?["type"]?.text
        guard choice != "none", let first = tree["tools"]?.elements.first else { return nil }
        let last = turns.last
        if last?["role"]?.text == "tool" || last?["type"]?.text == "function_call_output" {
            return nil
        }
        let blocks = last?["content"]?.elements ?? []
        if blocks.contains(where: { $0["type"]?.text == "tool_result" }) { return nil }
        let function = first["function"] ?? first
        guard let name = function["name"]?.text else { return nil }
        let schema = function["parameters"] ?? function["input_schema"] ?? .object([:])
        return Tool(name: name, schema: schema)
    }
}

extension DemoEndpoint {
    /// The field that a request cannot be without, beside its model.
    fileprivate var promptField: String {
        switch self {
        case .chatCompletions, .messages, .countTokens: "messages"
        case .completions: "prompt"
        case .responses, .embeddings: "input"
        }
    }

    /// Whether the prompt may be a bare text.
    fileprivate var takesText: Bool { promptField != "messages" }

    /// Whether a list stands for several prompts, each with answers of its own.
    fileprivate var takesPrompts: Bool { self == .completions || self == .embeddings }
}

extension JSONTree {
    fileprivate var isList: Bool { if case .array = self { true } else { false } }

    fileprivate var isTrue: Bool { if case .flag(true) = self { true } else { false } }

    /// How many texts a prompt is: one as a text or as a list of tokens, else those of its list.
    fileprivate var textCount: Int {
        guard case .array(let elements) = self, let first = elements.first else { return 1 }
        if case .integer = first { return 1 }
        return elements.count
    }
}
