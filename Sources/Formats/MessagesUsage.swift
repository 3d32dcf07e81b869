import Schema

/// The usage objects of one Anthropic message, merged into one account.
///
/// A stream states usage in `message_start` and again, as running counts, in each
/// `message_delta`. Each later object overwrites, field by field, what it states and is not null:
/// neither the sum nor the largest, both of which count twice on upstreams that move tokens
/// from one field to another. The split of cache writes comes only at the start, and stays.
struct MessagesUsage: Hashable, Sendable {
    private var counts = Counts()
    private var iterations: Counts?
    private var webSearches: Int64?
    private var serviceTier: ServiceTier?
    private var counter = UsageCounter()
    /// Whether any usage object was read.
    private(set) var isPresent = false

    private struct Counts: Hashable, Sendable {
        var input: Int64?
        var output: Int64?
        var cacheRead: Int64?
        var cacheWrite: Int64?
        var cacheWriteShort: Int64?
        var cacheWriteLong: Int64?
        var reasoning: Int64?
    }

    /// Reads the value of a `usage` field.
    mutating func read(_ scanner: inout JSONScanner) throws(JSONScanError) {
        isPresent = true
        try scanner.fields { scanner, name throws(JSONScanError) in
            switch name {
            case "service_tier": serviceTier = try counter.tier(&scanner) ?? serviceTier
            case "server_tool_use":
                try scanner.fieldsIfObject { scanner, name throws(JSONScanError) in
                    guard "web_search_requests" ~= name else { return }
                    try counter.read(&scanner, into: &webSearches)
                }
            case "speed": try expect(["standard"], &scanner)
            case "inference_geo": try expect(["global", "not_available"], &scanner)
            case "iterations": try readIterations(&scanner)
            default: try Self.read(name, &scanner, into: &counts, &counter)
            }
        }
    }

    private static func read(
        _ name: JSONName,
        _ scanner: inout JSONScanner,
        into counts: inout Counts,
        _ counter: inout UsageCounter
    ) throws(JSONScanError) {
        switch name {
        case "input_tokens": try counter.read(&scanner, into: &counts.input)
        case "output_tokens": try counter.read(&scanner, into: &counts.output)
        case "cache_read_input_tokens": try counter.read(&scanner, into: &counts.cacheRead)
        case "cache_creation_input_tokens": try counter.read(&scanner, into: &counts.cacheWrite)
        case "cache_creation":
            try scanner.fieldsIfObject { scanner, name throws(JSONScanError) in
                switch name {
                case "ephemeral_5m_input_tokens":
                    try counter.read(&scanner, into: &counts.cacheWriteShort)
                case "ephemeral_1h_input_tokens":
                    try counter.read(&scanner, into: &counts.cacheWriteLong)
                default: break
                }
            }
        case "output_tokens_details":
            try scanner.fieldsIfObject { scanner, name throws(JSONScanError) in
                guard "thinking_tokens" ~= name else { return }
                try counter.read(&scanner, into: &counts.reasoning)
            }
        default: break
        }
    }

    /// Notes a value that is billed at another price than the model's.
    private mutating func expect(
        _ usual: [String],
        _ scanner: inout JSONScanner
    ) throws(JSONScanError) {
        let value = try scanner.value()
        guard let text = value.string(in: scanner.bytes) else { return }
        if !usual.contains(text) { counter.note(.unpricedFeature) }
    }

    /// Sums the iterations of a message, which include what its totals leave out (compaction).
    private mutating func readIterations(_ scanner: inout JSONScanner) throws(JSONScanError) {
        var sum: Counts?
        try scanner.elementsIfArray { scanner throws(JSONScanError) in
            var one = Counts()
            try scanner.fieldsIfObject { scanner, name throws(JSONScanError) in
                guard "type" ~= name else {
                    return try Self.read(name, &scanner, into: &one, &counter)
                }
                let type = try scanner.value()
                let isOwn =
                    type.equals("message", in: scanner.bytes)
                    || type.equals("compaction", in: scanner.bytes)
                if !isOwn { counter.note(.foreignIteration) }
            }
            sum = sum.map { Self.sum($0, one) } ?? one
        }
        iterations = sum ?? iterations
    }

    private static func sum(_ left: Counts, _ right: Counts) -> Counts {
        func sum(_ path: KeyPath<Counts, Int64?>) -> Int64? {
            guard left[keyPath: path] != nil || right[keyPath: path] != nil else { return nil }
            let sum = (left[keyPath: path] ?? 0) + (right[keyPath: path] ?? 0)
            return min(sum, TokenUsage.countMax)
        }
        return Counts(
            input: sum(\.input),
            output: sum(\.output),
            cacheRead: sum(\.cacheRead),
            cacheWrite: sum(\.cacheWrite),
            cacheWriteShort: sum(\.cacheWriteShort),
            cacheWriteLong: sum(\.cacheWriteLong),
            reasoning: sum(\.reasoning)
        )
    }

    /// The report in disjoint classes; nil when no usage object was read.
    ///
    /// `input_tokens` excludes what was read from and written to caches; `output_tokens` includes
    /// thinking.
    ///
    /// - Parameters:
    ///   - asked: the lifetime that writes count at where the upstream does not tell it.
    ///   - answer: what the usage was told of.
    func report(cacheWritesAsked asked: CacheWrites, of answer: AnswerExtent) -> UsageReport? {
        guard isPresent else { return nil }
        var counter = counter
        var report = UsageReport()
        let totals = Self.tokens(counts, asked, &counter)
        report.tokens = totals
        if let iterations {
            let sum = Self.tokens(iterations, asked, &counter)
            if sum.inputTotal < totals.inputTotal || sum.outputTotal < totals.outputTotal {
                counter.note(.iterationsBelowTotal)
            }
            let input = sum.inputTotal < totals.inputTotal ? totals : sum
            let output = sum.outputTotal < totals.outputTotal ? totals : sum
            for tokenClass in TokenClass.allCases {
                report.tokens[tokenClass] = (tokenClass.isInput ? input : output)[tokenClass]
            }
            report.tokens.reasoning = output.reasoning
        }
        report.webSearches = webSearches ?? 0
        report.serviceTier = serviceTier
        report.anomalies = counter.anomalies
        report.judge(
            hasInput: counts.input != nil,
            hasOutput: counts.output != nil,
            of: answer
        )
        return report
    }

    private static func tokens(
        _ counts: Counts,
        _ asked: CacheWrites,
        _ counter: inout UsageCounter
    ) -> TokenUsage {
        let writes = CacheWriteSplit(
            total: counts.cacheWrite,
            short: counts.cacheWriteShort,
            long: counts.cacheWriteLong,
            asked: asked,
            counter: &counter
        )
        var tokens = TokenUsage()
        tokens.input = counts.input ?? 0
        tokens.cacheRead = counts.cacheRead ?? 0
        tokens.cacheWriteShort = writes.short
        tokens.cacheWriteLong = writes.long
        tokens.output = counts.output ?? 0
        var unreasoned = tokens.output
        tokens.reasoning = counter.take(
            counts.reasoning ?? 0,
            from: &unreasoned,
            else: .detailAboveOutput
        )
        return tokens
    }
}
