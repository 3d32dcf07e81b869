import Schema

/// What the demo upstream answers: decided by the request alone, so that a test can know it.
///
/// One word is one token, in the prompt and in the answer.
struct DemoAnswer: Equatable {
    enum Content: Equatable {
        /// Pieces that make the text when joined: one token each.
        case text([String])
        case toolCall(name: String, arguments: String, tokens: Int64)
    }

    let inputTokens: Int64
    let content: Content
    /// Whether the request's cap cut the answer short.
    let isCut: Bool

    var outputTokens: Int64 {
        switch content {
        case .text(let pieces): Int64(pieces.count)
        case .toolCall(_, _, let tokens): tokens
        }
    }

    init(to request: DemoRequest, words: Int) {
        inputTokens = request.promptWords
        // A vector is no text.
        let words = request.endpoint == .embeddings ? 0 : words
        let cap = request.outputCap ?? .max
        if let tool = request.tool {
            let fields = DemoSchema(tool.schema).requiredFields
            let tokens = Int64(1 + fields.count)
            if tokens <= cap {
                let arguments = DemoSchema(tool.schema).instance.line
                content = .toolCall(name: tool.name, arguments: arguments, tokens: tokens)
                isCut = false
                return
            }
        }
        let pieces =
            request.answerSchema.map { Self.pieces(DemoSchema($0).instance.line) }
            ?? Self.prose(words)
        isCut = Int64(pieces.count) > cap
        content = .text(isCut ? Array(pieces.prefix(Int(cap))) : pieces)
    }

    private static let vocabulary = [
        "the", "fare", "is", "paid", "before", "the", "ride", "and", "every", "word", "of",
        "this", "answer", "is", "one", "token",
    ]

    private static func prose(_ count: Int) -> [String] {
        (0..<count).map { index in
            let word = vocabulary[index % vocabulary.count]
            return index == 0 ? word : " " + word
        }
    }

    private static func pieces(_ text: String) -> [String] {
        text.split(separator: " ").enumerated().map { index, word in
            index == 0 ? String(word) : " " + word
        }
    }
}

/// Makes the smallest instance of a JSON schema that names its types.
struct DemoSchema {
    private let schema: JSONTree

    init(_ schema: JSONTree) {
        self.schema = schema
    }

    /// The names of an object's required fields, or of all when none is required.
    var requiredFields: [String] {
        let required = schema["required"]?.elements.compactMap(\.text) ?? []
        if !required.isEmpty { return required }
        guard case .object(let properties)? = schema["properties"] else { return [] }
        return properties.keys.sorted()
    }

    var instance: JSONNode {
        if let choice = schema["enum"]?.elements.first?.text { return .text(choice) }
        if let choice = schema["anyOf"]?.elements.first { return DemoSchema(choice).instance }
        switch schema["type"]?.text {
        case "string": return .text("demo")
        case "integer", "number": return .integer(1)
        case "boolean": return .flag(true)
        case "array":
            return .array(schema["items"].map { [DemoSchema($0).instance] } ?? [])
        case "null": return .null
        default:
            return .object(
                requiredFields.map { name in
                    let property = schema["properties"]?[name]
                    return (name, property.map { DemoSchema($0).instance } ?? .text("demo"))
                }
            )
        }
    }
}
