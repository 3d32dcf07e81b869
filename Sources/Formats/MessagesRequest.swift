import Schema

/// Reads an Anthropic messages request.
enum MessagesRequest {
    private static let parameters = ParameterTable(
        read: [
            "model", "messages", "system", "max_tokens", "stream", "thinking", "tools",
            "service_tier", "speed", "inference_geo", "context_management", "cache_control",
        ],
        refused: [
            "container": "is not offered: the upstream would run code",
            "mcp_servers": "is not offered: the upstream would call tools",
            "fallbacks": "is not offered: models are chosen here",
            "fallback": "is not offered: models are chosen here",
            "fallback_models": "is not offered: models are chosen here",
            "fallback_credit": "is not offered: models are chosen here",
            "advisor": "is not offered: models are chosen here",
            "models": "is not offered: models are chosen here",
            "anthropic_beta": "is not offered: send the header",
            "betas": "is not offered: send the header",
            "extra_body": "is not offered: its tokens have no bound",
            "max_tokens_to_sample": "is not offered: it would override the output cap",
            "max_completion_tokens": "is not offered: it would override the output cap",
            "max_new_tokens": "is not offered: it would override the output cap",
            "n": "is not offered by this format",
        ]
    )

    /// Tools that the client runs although the upstream defines them.
    private static let clientTools = ["bash_", "text_editor_", "computer_", "memory_"]

    /// - Parameter countsOnly: whether the prompt is only to be counted: there is no answer, and
    ///   no cap of one.
    static func facts(
        of bytes: [UInt8],
        countsOnly: Bool = false
    ) throws(RequestFault) -> CallFacts {
        let reader = try RequestReader(bytes, parameters: parameters)
        var facts = CallFacts(endpoint: .messages, outputCapField: .maxTokens)
        facts.places.bodyStart = reader.body.bodyStart
        (facts.model, facts.places.model) = try reader.model()
        facts.isStreamed = try reader.flag("stream")
        let cap = try countsOnly ? 0 : readOutputCap(reader, into: &facts)
        facts.outputCapFloor = min(try outputFloor(reader), cap)
        facts.serviceTier = try serviceTier(reader)
        try checkPremiums(reader)
        try checkContextManagement(reader)

        var meter = PromptMeter(reader, format: .anthropic, cacheWrites: .none)
        try meter.cacheControl(of: reader.body, nil)
        try meter.content(reader.body["system"], "system")
        try meter.messages()
        try meter.tools("tools", plain: ["custom"], clientPrefixes: clientTools)
        facts.take(meter)
        return facts
    }

    /// The required output cap.
    ///
    /// Zero is legal: it fills the cache and answers nothing.
    private static func readOutputCap(
        _ reader: RequestReader,
        into facts: inout CallFacts
    ) throws(RequestFault) -> Int64 {
        let value = reader.body["max_tokens"]
        let cap = try reader.integer(value, "max_tokens", in: 0...TokenUsage.countMax)
        guard let cap else { throw .missing("max_tokens") }
        facts.outputCap = cap
        facts.places.maxTokens = value?.range
        return cap
    }

    private static let thinkingParameters = ParameterTable(read: ["type", "budget_tokens"])

    /// The thinking budget + 1: a lower cap would be refused upstream, and a higher budget kept.
    private static func outputFloor(_ reader: RequestReader) throws(RequestFault) -> Int64 {
        guard let value = reader.body.present("thinking") else { return 1 }
        let thinking = try reader.object(value, "thinking")
        for field in thinking.fields { try thinkingParameters.check(field, path: "thinking") }
        let budget = try reader.integer(
            thinking["budget_tokens"],
            "thinking.budget_tokens",
            in: 1...TokenUsage.countMax
        )
        if let budget { return budget + 1 }
        if thinking["type"]?.equals("enabled", in: reader.bytes) == true {
            throw .missing("thinking.budget_tokens")
        }
        return 1
    }

    private static func serviceTier(_ reader: RequestReader) throws(RequestFault) -> ServiceTier? {
        switch try reader.string("service_tier") {
        case nil, "auto": nil
        case "standard_only": .standard
        case .some(let tier): throw .unsupported("service_tier", "'\(tier)' has no price here")
        }
    }

    /// Refuses what is billed at another price than the model's.
    private static func checkPremiums(_ reader: RequestReader) throws(RequestFault) {
        if let speed = try reader.string("speed"), speed != "standard" {
            throw .unsupported("speed", "'\(speed)' has no price here")
        }
        if let place = try reader.string("inference_geo"), place != "global" {
            throw .unsupported("inference_geo", "'\(place)' has no price here")
        }
    }

    /// Accepts edits that only clear, for they shorten the prompt; compaction is a call of its own.
    private static func checkContextManagement(_ reader: RequestReader) throws(RequestFault) {
        guard let value = reader.body.present("context_management") else { return }
        for field in try reader.object(value, "context_management").fields {
            guard "edits" ~= field.name else {
                throw .unsupported(
                    "context_management.\(field.name.text)",
                    "is not offered: it has no bound"
                )
            }
            let edits = try reader.elements(of: field.value, "context_management.edits")
            for (index, edit) in edits.enumerated() {
                let path = "context_management.edits[\(index)]"
                let type = try reader.object(edit, path).present("type")
                guard let type = type?.string(in: reader.bytes) else {
                    throw .missing("\(path).type")
                }
                guard type.hasPrefix("clear_") else {
                    throw .unsupported("\(path).type", "'\(type)' is not offered: it has no bound")
                }
            }
        }
    }
}
