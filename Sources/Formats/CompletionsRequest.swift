import Schema

/// Reads an OpenAI completions request: text goes in, and text that continues it comes out.
enum CompletionsRequest {
    /// What the API takes when the client sets no cap; other servers have other defaults.
    private static let outputCapDefault: Int64 = 16

    private static let parameters = ParameterTable(
        read: [
            "model", "prompt", "stream", "stream_options", "n", "best_of", "max_tokens",
            "service_tier", "prompt_cache_options",
        ],
        refused: OpenAIParameters.refused.filter { $0.key != "best_of" }.merging([
            "max_completion_tokens": "is not offered: it would override the output cap",
            "prompt_embeds": "is not offered: its tokens have no bound",
        ]) { first, _ in first }
    )

    static func facts(of bytes: [UInt8]) throws(RequestFault) -> CallFacts {
        let reader = try RequestReader(bytes, parameters: parameters)
        var facts = CallFacts(endpoint: .completions, outputCapField: .maxTokens)
        facts.places.bodyStart = reader.body.bodyStart
        (facts.model, facts.places.model) = try reader.model()
        facts.isStreamed = try reader.flag("stream")
        try OpenAIParameters.readStreamOptions(reader, into: &facts)
        facts.serviceTier = try OpenAIParameters.serviceTier(reader)

        let cap = reader.body["max_tokens"]
        let asked = try reader.integer(cap, "max_tokens", in: 0...TokenUsage.countMax)
        facts.outputCap = asked ?? outputCapDefault
        facts.places.maxTokens = cap?.range

        let prompts = try PromptInput(reader.body["prompt"], "prompt", reader)
        try readChoices(reader, prompts: prompts.count, into: &facts)
        var meter = PromptMeter(reader, format: .openAI, cacheWrites: .short)
        try OpenAIParameters.readCacheOptions(reader, into: &meter)
        meter.messageCount = prompts.count
        facts.take(meter)
        facts.promptTokens = prompts.tokens
        return facts
    }

    /// `n` answers to each prompt, or the best `n` of `best_of`, all of which are billed.
    private static func readChoices(
        _ reader: RequestReader,
        prompts: Int64,
        into facts: inout CallFacts
    ) throws(RequestFault) {
        let bounds = 1...CallFacts.choicesMax
        let count = try reader.integer(reader.body["n"], "n", in: bounds) ?? 1
        let best = try reader.integer(reader.body["best_of"], "best_of", in: bounds) ?? count
        facts.choicesShown = prompts * count
        facts.choices = prompts * max(count, best)
        guard facts.choices <= CallFacts.choicesMax else {
            throw .invalidValue(
                "prompt",
                "\(prompts) prompts come to \(facts.choices) answers, more than the "
                    + "\(CallFacts.choicesMax) of a call"
            )
        }
    }
}

/// The input of a request without messages: a text, texts, tokens, or lists of tokens.
struct PromptInput {
    /// How many prompts it is.
    let count: Int64
    /// Their tokens altogether, where tokens were sent and not text.
    let tokens: Int64?

    init(
        _ value: JSONValue?,
        _ name: String,
        _ reader: RequestReader
    ) throws(RequestFault) {
        guard let value, value.kind != .null else { throw .missing(name) }
        if value.kind == .string {
            (count, tokens) = (1, nil)
            return
        }
        let elements = try reader.elements(of: value, name)
        guard let first = elements.first else { throw .invalidValue(name, "it is empty") }
        for element in elements where element.kind != first.kind {
            throw .wrongType(name, expected: "texts, tokens, or lists of tokens")
        }
        switch first.kind {
        case .string:
            (count, tokens) = (Int64(elements.count), nil)
        case .number:
            (count, tokens) = (1, Int64(elements.count))
        case .array:
            var sum = 0
            for (index, list) in elements.enumerated() {
                let path = "\(name)[\(index)]"
                let tokens = try reader.elements(of: list, path)
                if tokens.isEmpty { throw .invalidValue(path, "it is empty") }
                for token in tokens where token.kind != .number {
                    throw .wrongType(path, expected: "a list of tokens")
                }
                sum += tokens.count
            }
            (count, tokens) = (Int64(elements.count), Int64(sum))
        case .object, .boolean, .null:
            throw .wrongType(name, expected: "a text, texts, tokens, or lists of tokens")
        }
    }
}
