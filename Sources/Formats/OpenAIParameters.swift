import Schema

/// What the requests of OpenAI's formats have in common.
enum OpenAIParameters {
    private static let overridesCap = "is not offered: it would override the output cap"
    private static let costsExtra = "is not offered: it costs what tokens do not show"
    private static let choosesModel = "is not offered: models and upstreams are chosen here"
    private static let hasNoBound = "is not offered: its tokens have no bound"

    /// Fields of OpenAI and of the servers that speak its format.
    static let refused: [String: String] = [
        // The upstream searches, runs or speaks, and bills it by the call or at another price.
        "web_search_options": costsExtra, "search_parameters": costsExtra,
        "enable_search": costsExtra, "plugins": costsExtra, "compound_custom": costsExtra,
        "enhancements": costsExtra, "container": costsExtra, "audio": costsExtra,
        "background": costsExtra,
        // The prompt, or a part of it, is not in the body.
        "data_sources": hasNoBound, "previous_response_id": hasNoBound,
        "conversation": hasNoBound, "context_management": hasNoBound,
        "cached_content": hasNoBound, "extra_body": hasNoBound, "chat_template": hasNoBound,
        "mm_processor_kwargs": hasNoBound, "media_io_kwargs": hasNoBound,
        // Output beyond n × cap: rejected predictions, beams.
        "prediction": hasNoBound, "best_of": hasNoBound, "use_beam_search": hasNoBound,
        // Other names of the cap, which some servers prefer to ours.
        "n_predict": overridesCap, "num_predict": overridesCap, "max_new_tokens": overridesCap,
        "max_output_tokens": overridesCap, "max_length": overridesCap,
        "generation_config": overridesCap,
        "models": choosesModel, "route": choosesModel, "provider": choosesModel,
        "preset": choosesModel,
    ]

    private static let streamParameters = ParameterTable(read: ["include_usage"])

    static func readStreamOptions(
        _ reader: RequestReader,
        into facts: inout CallFacts
    ) throws(RequestFault) {
        guard let value = reader.body["stream_options"] else { return }
        if value.kind == .null {
            facts.places.streamOptions = .null(value.range)
            return
        }
        let options = try reader.object(value, "stream_options")
        for field in options.fields { try streamParameters.check(field, path: "stream_options") }
        guard let usage = options["include_usage"] else {
            facts.places.streamOptions = .withoutUsage(
                bodyStart: options.bodyStart,
                isEmpty: options.fields.isEmpty
            )
            return
        }
        guard usage.boolean != nil || usage.kind == .null else {
            throw .wrongType("stream_options.include_usage", expected: "a boolean")
        }
        facts.places.streamOptions = .withUsage(usage.range)
        facts.wantsStreamUsage = usage.boolean ?? false
    }

    static func serviceTier(_ reader: RequestReader) throws(RequestFault) -> ServiceTier? {
        switch try reader.string("service_tier") {
        case nil, "auto": nil
        case "default": .standard
        case "flex": .flex
        case "priority", "fast": .priority
        case .some(let tier): throw .unsupported("service_tier", "'\(tier)' has no price here")
        }
    }

    private static let cacheParameters = ParameterTable(read: ["mode", "ttl", "prewarm"])

    static func readCacheOptions(
        _ reader: RequestReader,
        into meter: inout PromptMeter
    ) throws(RequestFault) {
        guard let value = reader.body.present("prompt_cache_options") else { return }
        let options = try reader.object(value, "prompt_cache_options")
        for field in options.fields {
            try cacheParameters.check(field, path: "prompt_cache_options")
        }
        guard let ttl = options.present("ttl") else { return }
        switch ttl.string(in: reader.bytes) {
        case "30m": return
        case "12h": meter.cacheWrites = .long
        default: throw .invalidValue("prompt_cache_options.ttl", "expected '30m' or '12h'")
        }
    }
}
