import Schema

/// Reads an OpenAI embeddings request, whose answer has no tokens and is never streamed.
enum EmbeddingsRequest {
    private static let hasNoStream = "is not offered by this format"

    private static let parameters = ParameterTable(
        read: ["model", "input"],
        refused: OpenAIParameters.refused.merging([
            "stream": hasNoStream, "n": hasNoStream,
            // Other shapes of input, of servers that embed more than text.
            "messages": "is not offered: its tokens have no bound",
        ]) { first, _ in first }
    )

    static func facts(of bytes: [UInt8]) throws(RequestFault) -> CallFacts {
        let reader = try RequestReader(bytes, parameters: parameters)
        // There is no cap to write: `upstreamBody` leaves an embedding's body without one.
        var facts = CallFacts(endpoint: .embeddings, outputCapField: .maxTokens)
        facts.places.bodyStart = reader.body.bodyStart
        (facts.model, facts.places.model) = try reader.model()
        facts.outputCap = 0

        let input = try PromptInput(reader.body["input"], "input", reader)
        var meter = PromptMeter(reader, format: .openAI, cacheWrites: .none)
        meter.messageCount = input.count
        facts.take(meter)
        facts.promptTokens = input.tokens
        return facts
    }
}
