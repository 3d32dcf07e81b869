import Schema

/// Reads an OpenAI chat completions request.
enum ChatRequest {
    private static let parameters = ParameterTable(
        read: [
            "model", "messages", "stream", "stream_options", "n", "max_tokens",
            "max_completion_tokens", "service_tier", "tools", "functions", "modalities",
            "prompt_cache_options",
        ],
        refused: OpenAIParameters.refused
    )

    static func facts(of bytes: [UInt8]) throws(RequestFault) -> CallFacts {
        let reader = try RequestReader(bytes, parameters: parameters)
        var facts = CallFacts(endpoint: .chatCompletions, outputCapField: .maxCompletionTokens)
        facts.places.bodyStart = reader.body.bodyStart
        (facts.model, facts.places.model) = try reader.model()
        facts.isStreamed = try reader.flag("stream")
        facts.choices =
            try reader.integer(reader.body["n"], "n", in: 1...CallFacts.choicesMax) ?? 1
        facts.choicesShown = facts.choices
        try readOutputCap(reader, into: &facts)
        try OpenAIParameters.readStreamOptions(reader, into: &facts)
        facts.serviceTier = try OpenAIParameters.serviceTier(reader)
        try checkModalities(reader)

        // OpenAI writes caches unasked, and prices it on newer models.
        var meter = PromptMeter(reader, format: .openAI, cacheWrites: .short)
        try OpenAIParameters.readCacheOptions(reader, into: &meter)
        try meter.messages()
        try meter.tools("tools", plain: ["function", "custom"], clientPrefixes: [])
        try meter.tools("functions", plain: [], clientPrefixes: [""])
        facts.take(meter)
        return facts
    }

    private static func readOutputCap(
        _ reader: RequestReader,
        into facts: inout CallFacts
    ) throws(RequestFault) {
        let older = reader.body.field("max_tokens")
        let newer = reader.body.field("max_completion_tokens")
        let bounds = 1...TokenUsage.countMax
        let olderCap = try reader.integer(older?.value, "max_tokens", in: bounds)
        let newerCap = try reader.integer(newer?.value, "max_completion_tokens", in: bounds)
        if olderCap != nil, newerCap != nil {
            throw RequestFault(
                parameter: "max_tokens",
                code: "mutually_exclusive_parameters",
                message: "Give either 'max_tokens' or 'max_completion_tokens', not both."
            )
        }
        facts.outputCap = newerCap ?? olderCap
        facts.outputCapField = olderCap == nil ? .maxCompletionTokens : .maxTokens
        facts.places.maxTokens = older?.value.range
        facts.places.maxCompletionTokens = newer?.value.range
        facts.places.capName = olderCap == nil ? newer?.name.range : older?.name.range
    }

    private static func checkModalities(_ reader: RequestReader) throws(RequestFault) {
        guard let value = reader.body.present("modalities") else { return }
        for modality in try reader.elements(of: value, "modalities")
        where !modality.equals("text", in: reader.bytes) {
            throw .unsupported("modalities", "other than 'text' are not offered")
        }
    }
}

extension CallFacts {
    /// Takes over what the prompt was measured at.
    mutating func take(_ meter: PromptMeter) {
        messageCount = meter.messageCount
        imageCount = meter.imageCount
        cacheWrites = meter.cacheWrites
        textBytes = meter.textBytes
        textTokensBound = meter.textTokensBound
    }
}
