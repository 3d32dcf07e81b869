import Schema

/// The usage objects of one answer in a format of OpenAI, merged into one account.
///
/// Each later object overwrites, field by field, what it states: upstreams send usage once, or
/// with every chunk as a running count, or a partial object before the complete one. Never summed,
/// for none of them sends parts.
///
/// The two dialects name the same counts differently, and some upstreams write both, one of them
/// empty. So each is kept apart: the endpoint's own names decide, and the other's count where
/// those tell nothing, or zero.
struct ChatUsage: Hashable, Sendable {
    /// Whose names an upstream is to use.
    enum Dialect: Hashable, Sendable {
        /// `prompt_tokens`, `completion_tokens`.
        case chat
        /// `input_tokens`, `output_tokens`.
        case responses
    }

    private struct Counts: Hashable, Sendable {
        var prompt: Int64?
        var output: Int64?
        var cacheRead: Int64?
        var cacheWrite: Int64?
        var cacheWriteShort: Int64?
        var cacheWriteLong: Int64?
        var audioInput: Int64?
        var imageInput: Int64?
        var audioOutput: Int64?
        var reasoning: Int64?
    }

    private let dialect: Dialect
    private var chat = Counts()
    private var responses = Counts()
    /// Moonshot's place for `cached_tokens`, beside the details.
    private var cachedBesideDetails: Int64?
    /// DeepSeek's name for the same.
    private var cacheHits: Int64?
    private var webSearches: Int64?
    private var serviceTier: ServiceTier?
    private var counter = UsageCounter()
    /// Whether any usage object was read.
    private(set) var isPresent = false

    init(_ dialect: Dialect) {
        self.dialect = dialect
    }

    /// Reads the value of a `usage` field; totals are ignored, for many upstreams missum them.
    mutating func read(_ scanner: inout JSONScanner) throws(JSONScanError) {
        isPresent = true
        try scanner.fields { scanner, name throws(JSONScanError) in
            switch name {
            case "prompt_tokens": try counter.read(&scanner, into: &chat.prompt)
            case "input_tokens": try counter.read(&scanner, into: &responses.prompt)
            case "completion_tokens": try counter.read(&scanner, into: &chat.output)
            case "output_tokens": try counter.read(&scanner, into: &responses.output)
            case "prompt_tokens_details":
                try Self.readInputDetails(&scanner, into: &chat, &counter)
            case "input_tokens_details":
                try Self.readInputDetails(&scanner, into: &responses, &counter)
            case "completion_tokens_details":
                try Self.readOutputDetails(&scanner, into: &chat, &counter)
            case "output_tokens_details":
                try Self.readOutputDetails(&scanner, into: &responses, &counter)
            case "cached_tokens": try counter.read(&scanner, into: &cachedBesideDetails)
            case "prompt_cache_hit_tokens": try counter.read(&scanner, into: &cacheHits)
            case "num_search_queries": try counter.read(&scanner, into: &webSearches)
            default: break
            }
        }
    }

    /// Reads the value of a `service_tier` field, which stands beside the usage.
    mutating func readServiceTier(_ scanner: inout JSONScanner) throws(JSONScanError) {
        serviceTier = try counter.tier(&scanner) ?? serviceTier
    }

    private static func readInputDetails(
        _ scanner: inout JSONScanner,
        into counts: inout Counts,
        _ counter: inout UsageCounter
    ) throws(JSONScanError) {
        try scanner.fieldsIfObject { scanner, name throws(JSONScanError) in
            switch name {
            case "cached_tokens": try counter.read(&scanner, into: &counts.cacheRead)
            case "cache_write_tokens": try counter.read(&scanner, into: &counts.cacheWrite)
            case "audio_tokens": try counter.read(&scanner, into: &counts.audioInput)
            case "image_tokens": try counter.read(&scanner, into: &counts.imageInput)
            case "cache_write_tokens_details":
                try scanner.fieldsIfObject { scanner, name throws(JSONScanError) in
                    switch name {
                    case "ttl_30m_tokens":
                        try counter.read(&scanner, into: &counts.cacheWriteShort)
                    case "ttl_12h_tokens":
                        try counter.read(&scanner, into: &counts.cacheWriteLong)
                    default: break
                    }
                }
            default: break
            }
        }
    }

    private static func readOutputDetails(
        _ scanner: inout JSONScanner,
        into counts: inout Counts,
        _ counter: inout UsageCounter
    ) throws(JSONScanError) {
        try scanner.fieldsIfObject { scanner, name throws(JSONScanError) in
            switch name {
            case "audio_tokens": try counter.read(&scanner, into: &counts.audioOutput)
            case "reasoning_tokens": try counter.read(&scanner, into: &counts.reasoning)
            default: break
            }
        }
    }

    /// Each count by the endpoint's own name, else by the other's.
    private var told: Counts {
        let (own, other) = dialect == .chat ? (chat, responses) : (responses, chat)
        return Counts(
            prompt: Self.told(own.prompt, other.prompt),
            output: Self.told(own.output, other.output),
            cacheRead: Self.told(own.cacheRead, other.cacheRead),
            cacheWrite: Self.told(own.cacheWrite, other.cacheWrite),
            cacheWriteShort: Self.told(own.cacheWriteShort, other.cacheWriteShort),
            cacheWriteLong: Self.told(own.cacheWriteLong, other.cacheWriteLong),
            audioInput: Self.told(own.audioInput, other.audioInput),
            imageInput: Self.told(own.imageInput, other.imageInput),
            audioOutput: Self.told(own.audioOutput, other.audioOutput),
            reasoning: Self.told(own.reasoning, other.reasoning)
        )
    }

    /// The first count, unless it says nothing and the other does.
    private static func told(_ count: Int64?, _ other: Int64?) -> Int64? {
        count ?? 0 > 0 ? count : other ?? count
    }

    /// The report in disjoint classes; nil when no usage object was read.
    ///
    /// The prompt includes what was read from and written to caches, and images and audio; the
    /// output includes reasoning and audio. Cached images are counted as cached.
    ///
    /// - Parameters:
    ///   - asked: the lifetime that writes count at where the upstream does not tell it.
    ///   - answer: what the usage was told of.
    func report(cacheWritesAsked asked: CacheWrites, of answer: AnswerExtent) -> UsageReport? {
        guard isPresent else { return nil }
        let told = told
        var report = UsageReport()
        report.anomalies = counter.anomalies
        take(inputOf: told, asked, into: &report)
        Self.take(outputOf: told, into: &report)
        report.webSearches = webSearches ?? 0
        report.serviceTier = serviceTier
        report.judge(
            hasInput: told.prompt != nil,
            hasOutput: told.output != nil,
            of: answer
        )
        return report
    }

    private func take(
        inputOf told: Counts,
        _ asked: CacheWrites,
        into report: inout UsageReport
    ) {
        var counter = UsageCounter()
        let writes = CacheWriteSplit(
            total: told.cacheWrite,
            short: told.cacheWriteShort,
            long: told.cacheWriteLong,
            asked: asked,
            counter: &counter
        )
        let read = Self.told(told.cacheRead, Self.told(cachedBesideDetails, cacheHits))
        var rest = told.prompt ?? 0
        report.tokens.cacheRead = counter.take(read ?? 0, from: &rest, else: .cachedAbovePrompt)
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
        report.tokens.imageInput = counter.take(told.imageInput ?? 0, from: &rest, else: nil)
        report.tokens.audioInput = counter.take(told.audioInput ?? 0, from: &rest, else: nil)
        report.tokens.input = rest
        report.anomalies.formUnion(counter.anomalies)
    }

    private static func take(outputOf told: Counts, into report: inout UsageReport) {
        var counter = UsageCounter()
        var text = told.output ?? 0
        report.tokens.audioOutput = counter.take(
            told.audioOutput ?? 0,
            from: &text,
            else: .detailAboveOutput
        )
        report.tokens.output = text
        var unreasoned = text
        report.tokens.reasoning = counter.take(
            told.reasoning ?? 0,
            from: &unreasoned,
            else: .detailAboveOutput
        )
        report.anomalies.formUnion(counter.anomalies)
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
