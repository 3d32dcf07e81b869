import Schema
import Tokenizer

/// Counts the prompt of a request with a vocabulary.
///
/// What text there is, is counted exactly, and what the chat template of OpenAI's models adds to
/// it. How a model is shown tools and schemas is not published: they count as they are written,
/// which is a little more. What an image costs is for the upstream to say: it is left out here.
package struct PromptTokens {
    /// `<|im_start|>`, the line break behind the role, and `<|im_end|>`; the role itself is text.
    static let perMessage: Int64 = 3
    /// The beginning of the answer: `<|im_start|>assistant` and its line break.
    static let perAnswer: Int64 = 3

    /// A role that the request leaves to the API.
    private static let role: Int64 = 1
    /// A speaker's name beside the role.
    private static let name: Int64 = 1

    private let vocabulary: Vocabulary
    /// Whether what the model may not be shown counts by its bytes.
    private let isBound: Bool
    private var total: Int64 = 0

    /// At most so many tokens has the prompt of a body that was read without a fault, images aside,
    /// if the model has this vocabulary; this may take milliseconds.
    ///
    /// Text counts by its tokens, whatever else the body has by its bytes, and what chat templates
    /// and tools add by the same constants as in the bound by bytes alone.
    package static func bound(
        _ facts: CallFacts,
        body: [UInt8],
        vocabulary: Vocabulary
    ) -> Int64 {
        if let exact = facts.promptTokens { return min(exact, facts.textTokensBound) }
        let counted = total(facts, body, PromptTokens(vocabulary: vocabulary, isBound: true))
        return min(facts.textTokensBound, counted + facts.textTokensBound - facts.textBytes)
    }

    /// The prompt tokens of a body that was read without a fault; this may take milliseconds.
    package static func count(
        _ facts: CallFacts,
        body: [UInt8],
        vocabulary: Vocabulary
    ) -> Int64 {
        if let exact = facts.promptTokens { return exact }
        return total(facts, body, PromptTokens(vocabulary: vocabulary, isBound: false))
    }

    private static func total(
        _ facts: CallFacts,
        _ body: [UInt8],
        _ prompt: PromptTokens
    ) -> Int64 {
        var prompt = prompt
        var scanner = JSONScanner(body)
        do throws(JSONScanError) {
            try prompt.body(&scanner, facts.endpoint)
        } catch {
            // It was read before, to its end: what has been counted is all.
        }
        return prompt.total
    }

    private init(vocabulary: Vocabulary, isBound: Bool) {
        self.vocabulary = vocabulary
        self.isBound = isBound
    }

    private mutating func body(
        _ scanner: inout JSONScanner,
        _ endpoint: Endpoint
    ) throws(JSONScanError) {
        let isChat = endpoint != .embeddings && endpoint != .completions
        if isChat { total += Self.perAnswer }
        try scanner.fields { scanner, name throws(JSONScanError) in
            switch name {
            case "messages", "system", "instructions": try text(&scanner, isMessage: true)
            case "input", "prompt": try text(&scanner, isMessage: isChat)
            case "tools", "functions", "response_format", "text", "output_config":
                let value = try scanner.value()
                total += vocabulary.count(Array(scanner.bytes[value.range]))
            default: try opaque(&scanner)
            }
        }
    }

    /// All strings of a value; `isMessage` when it is a message, or a list of them.
    private mutating func text(
        _ scanner: inout JSONScanner,
        isMessage: Bool
    ) throws(JSONScanError) {
        switch try scanner.peek() {
        case UInt8(ascii: "\""):
            if isMessage { total += Self.perMessage + Self.role }
            let (content, isPlain) = try scanner.string()
            total += vocabulary.count(
                isPlain
                    ? Array(scanner.bytes[content]) : unescaped(scanner.bytes, content)
            )
        case UInt8(ascii: "["):
            try scanner.elements { scanner throws(JSONScanError) in
                try text(&scanner, isMessage: isMessage)
            }
        case UInt8(ascii: "{"):
            if isMessage { total += Self.perMessage }
            try scanner.fields { scanner, name throws(JSONScanError) in
                if isMessage, "name" ~= name { total += Self.name }
                if "source" ~= name { return try document(&scanner) }
                if Self.isNoText(name) {
                    if !("image_url" ~= name) { try opaque(&scanner) }
                } else {
                    try text(&scanner, isMessage: false)
                }
            }
        default:
            try scanner.value()
        }
    }

    /// A value that counts by its length, if it counts at all.
    private mutating func opaque(_ scanner: inout JSONScanner) throws(JSONScanError) {
        if isBound { total += Int64(try scanner.value().range.count) }
    }

    /// The source of a document in Anthropic's format, when it is text; images have one too.
    private mutating func document(_ scanner: inout JSONScanner) throws(JSONScanError) {
        let source = try JSONObject(scanning: scanner.bytes, in: scanner.value().range)
        guard let type = source["type"], let value = source["data"] ?? source["content"],
            type.equals("text", in: scanner.bytes) || type.equals("content", in: scanner.bytes)
        else { return }
        var inner = JSONScanner(scanner.bytes, in: value.range)
        try text(&inner, isMessage: false)
    }

    /// Fields of a prompt that the model is not shown, or that are no text.
    private static func isNoText(_ name: JSONName) -> Bool {
        switch name {
        case "type", "id", "call_id", "tool_call_id", "tool_use_id", "status", "cache_control",
            "image_url", "detail", "signature", "data", "encrypted_content", "phase":
            true
        default: false
        }
    }
}
