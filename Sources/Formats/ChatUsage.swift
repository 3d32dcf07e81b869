import Schema

/// The usage objects of one answer in a format of OpenAI, merged into one account.
///
/// Each later object overwrites, field by field, what it states: upstreams send usage once, or
/// with every chunk as a running count, or a partial object before the complete one. Never summed,
/// for none of them sends parts.
struct ChatUsage: Hashable, Sendable {
    private var prompt: Int64?
    private var output: Int64?
    private var cacheRead: Int64?
    /// DeepSeek's and Moonshot's place for `cached_tokens`, beside the details.
    private var cacheReadElsewhere: Int64?
    private var cacheWrite: Int64?
    private var cacheWriteShort: Int64?
    private var cacheWriteLong: Int64?
    private var audioInput: Int64?
    private var imageInput: Int64?
    private var audioOutput: Int64?
    private var reasoning: Int64?
    private var webSearches: Int64?
    private var serviceTier: ServiceTier?
    private var counter = UsageCounter()
    /// Whether any usage object was read.
    private(set) var isPresent = false

    /// Reads the value of a `usage` field; totals are ignored, for many upstreams missum them.
    mutating func read(_ scanner: inout JSONScanner) throws(JSONScanError) {
        isPresent = true
        try scanner.fields { scanner, name throws(JSONScanError) in
            switch name {
            case "prompt_tokens", "input_tokens": try counter.read(&scanner, into: &prompt)
            case "completion_tokens", "output_tokens": try counter.read(&scanner, into: &output)
            case "prompt_tokens_details", "input_tokens_details": try readInputDetails(&scanner)
            case "completion_tokens_details", "output_tokens_details":
                try readOutputDetails(&scanner)
            case "prompt_cache_hit_tokens", "cached_tokens":
                try counter.read(&scanner, into: &cacheReadElsewhere)
            case "num_search_queries": try counter.read(&scanner, into: &webSearches)
            default: break
            }
        }
    }

    /// Reads the value of a `service_tier` field, which stands beside the usage.
    mutating func readServiceTier(_ scanner: inout JSONScanner) throws(JSONScanError) {
        serviceTier = try counter.tier(&scanner) ?? serviceTier
    }

    private mutating func readInputDetails(_ scanner: inout JSONScanner) throws(JSONScanError) {
        try scanner.fieldsIfObject { scanner, name throws(JSONScanError) in
            switch name {
            case "cached_tokens": try counter.read(&scanner, into: &cacheRead)
            case "cache_write_tokens": try counter.read(&scanner, into: &cacheWrite)
            case "audio_tokens": try counter.read(&scanner, into: &audioInput)
            case "image_tokens": try counter.read(&scanner, into: &imageInput)
            case "cache_write_tokens_details":
                try scanner.fieldsIfObject { scanner, name throws(JSONScanError) in
                    switch name {
                    case "ttl_30m_tokens": try counter.read(&scanner, into: &cacheWriteShort)
                    case "ttl_12h_tokens": try counter.read(&scanner, into: &cacheWriteLong)
                    default: break
                    }
                }
            default: break
            }
        }
    }

    private mutating func readOutputDetails(_ scanner: inout JSONScanner) throws(JSONScanError) {
        try scanner.fieldsIfObject { scanner, name throws(JSONScanError) in
            switch name {
            case "audio_tokens": try counter.read(&scanner, into: &audioOutput)
            case "reasoning_tokens": try counter.read(&scanner, into: &reasoning)
            default: break
            }
        }
    }

    /// The report in disjoint classes; nil when no usage object was read.
    ///
    /// `prompt_tokens` includes what was read from and written to caches, and images and audio;
    /// `completion_tokens` includes reasoning and audio. Cached images are counted as cached.
    ///
    /// - Parameters:
    ///   - asked: the lifetime that writes count at where the upstream does not tell it.
    ///   - hasOutput: whether such an answer has tokens at all: an embedding has none.
    func report(
        cacheWritesAsked asked: CacheWrites,
        isFinal: Bool,
        hasOutput: Bool = true
    ) -> UsageReport? {
        guard isPresent else { return nil }
        var counter = counter
        if prompt == nil || output == nil && hasOutput { counter.note(.missingCount) }
        let writes = CacheWriteSplit(
            total: cacheWrite,
            short: cacheWriteShort,
            long: cacheWriteLong,
            asked: asked,
            counter: &counter
        )

        var report = UsageReport()
        var rest = prompt ?? 0
        report.tokens.cacheRead = counter.take(
            cacheRead ?? cacheReadElsewhere ?? 0,
            from: &rest,
            else: .cachedAbovePrompt
        )
        report.tokens.cacheWriteLong = counter.take(
            writes.long,
            from: &rest,
            else: .cachedAbovePrompt
        )
        report.tokens.cacheWriteShort = counter.take(
            writes.short,
            from: &rest,
            else: .cachedAbovePrompt
        )
        report.tokens.imageInput = counter.take(imageInput ?? 0, from: &rest, else: nil)
        report.tokens.audioInput = counter.take(audioInput ?? 0, from: &rest, else: nil)
        report.tokens.input = rest

        var text = output ?? 0
        report.tokens.audioOutput = counter.take(
            audioOutput ?? 0,
            from: &text,
            else: .detailAboveOutput
        )
        report.tokens.output = text
        var unreasoned = text
        report.tokens.reasoning = counter.take(
            reasoning ?? 0,
            from: &unreasoned,
            else: .detailAboveOutput
        )

        report.webSearches = webSearches ?? 0
        report.serviceTier = serviceTier
        report.isFinal = isFinal
        report.anomalies = counter.anomalies
        return report
    }
}

/// Cache writes by lifetime, from a total and a split either of which may be missing.
///
/// The total is what the upstream bills. What the split leaves open counts at the dearest
/// lifetime that the request asked for, and a split above the total is cut from the short end.
struct CacheWriteSplit {
    let short: Int64
    let long: Int64

    init(
        total: Int64?,
        short: Int64?,
        long: Int64?,
        asked: CacheWrites,
        counter: inout UsageCounter
    ) {
        let known = (short ?? 0) + (long ?? 0)
        let total = total ?? known
        let hasSplit = short != nil || long != nil
        if hasSplit, total != known { counter.note(.cacheSplitMismatch) }
        let open = max(0, total - known)
        let openIsLong = asked == .long
        self.long = min((long ?? 0) + (openIsLong ? open : 0), total)
        self.short = total - self.long
    }
}
