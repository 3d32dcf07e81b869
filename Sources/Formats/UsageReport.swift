import Schema

/// What an upstream says that a call used.
package struct UsageReport: Hashable, Sendable {
    package var tokens = TokenUsage()
    /// Web searches that the upstream made, priced by the call.
    package var webSearches: Int64 = 0
    /// The tier that was used; nil when the upstream does not say.
    package var serviceTier: ServiceTier?
    /// Whether the upstream has told the whole prompt.
    package private(set) var isInputKnown = false
    /// Whether it has told the whole output: a stream's count is partial until the answer has ended.
    package private(set) var isOutputKnown = false
    package var anomalies: Set<UsageAnomaly> = []

    /// Whether this is the whole, and nothing is left to be counted here.
    package var isFinal: Bool { isInputKnown && isOutputKnown }
}

/// What is known of an answer beside its usage, by which that is judged.
struct AnswerExtent {
    /// Whether the usage was told behind all that was generated, and the answer has ended.
    var isWhole = true
    /// Whether there is anything that tokens were needed for.
    var hasContent: Bool
    /// Whether such an answer has output tokens at all: an embedding has none.
    var hasOutputTokens = true
}

extension UsageReport {
    /// What a call comes to by our own measure.
    package init(measured tokens: TokenUsage) {
        self.init()
        self.tokens = tokens
        isInputKnown = true
        isOutputKnown = true
    }

    /// Says how far the counts can be relied on.
    ///
    /// What was not told is not known, and neither is a zero beside content: no model answers from
    /// nothing, or in no tokens. Elsewhere such an answer is free.
    mutating func judge(hasInput: Bool, hasOutput: Bool, of answer: AnswerExtent) {
        let hasOutput = hasOutput || !answer.hasOutputTokens
        if !hasInput || !hasOutput { anomalies.insert(.missingCount) }
        let lacksInput = answer.hasContent && tokens.inputTotal == 0
        let lacksOutput =
            answer.hasContent && answer.hasOutputTokens && tokens.outputTotal == 0
        isInputKnown = hasInput && !lacksInput
        isOutputKnown = hasOutput && !lacksOutput && answer.isWhole
        if answer.isWhole, hasInput && lacksInput || hasOutput && lacksOutput {
            anomalies.insert(.zeroBesideContent)
        }
    }
}

/// What is wrong with a report that was made usable.
package enum UsageAnomaly: String, CaseIterable, Sendable {
    /// A count below zero, taken as zero: a charge never credits.
    case negativeCount = "negative_count"
    /// A count above `TokenUsage.countMax`, lowered to it.
    case absurdCount = "absurd_count"
    /// A count that is not written as an integer, left out.
    case unreadableCount = "unreadable_count"
    /// The count of prompt or output tokens is missing, and is counted here.
    case missingCount = "missing_count"
    /// A count of zero for an answer that has content, which is counted here.
    case zeroBesideContent = "zero_beside_content"
    /// More cached tokens than prompt, lowered to it.
    case cachedAbovePrompt = "cached_above_prompt"
    /// More reasoning or audio than output, lowered to it.
    case detailAboveOutput = "detail_above_output"
    /// Cache writes by lifetime that do not sum to their total; the total counts.
    case cacheSplitMismatch = "cache_split_mismatch"
    /// Iterations that sum to less than the totals; the larger counts.
    case iterationsBelowTotal = "iterations_below_total"
    /// An iteration of another kind or model, counted at the prices of this one.
    case foreignIteration = "foreign_iteration"
    /// A service tier without a price here, taken as unknown.
    case unknownServiceTier = "unknown_service_tier"
    /// A speed or place of inference that is billed at another price.
    case unpricedFeature = "unpriced_feature"
}

/// Reads counts and notes what is wrong with them.
struct UsageCounter: Hashable, Sendable {
    private(set) var anomalies: Set<UsageAnomaly> = []

    mutating func note(_ anomaly: UsageAnomaly) { anomalies.insert(anomaly) }

    /// Reads one value into `count`, which null and what is no integer leave as it is.
    mutating func read(
        _ scanner: inout JSONScanner,
        into count: inout Int64?
    ) throws(JSONScanError) {
        let value = try scanner.value()
        if value.kind == .null { return }
        guard let number = value.integer(in: scanner.bytes) else { return note(.unreadableCount) }
        if number < 0 { note(.negativeCount) }
        if number > TokenUsage.countMax { note(.absurdCount) }
        count = min(max(number, 0), TokenUsage.countMax)
    }

    /// Reads an upstream's name of a tier; nil when it has no price here.
    mutating func tier(_ scanner: inout JSONScanner) throws(JSONScanError) -> ServiceTier? {
        let value = try scanner.value()
        switch value.string(in: scanner.bytes) {
        case nil, "auto": return nil
        case "default", "standard": return .standard
        case "flex": return .flex
        case "priority", "fast": return .priority
        case "batch": return .batch
        default:
            note(.unknownServiceTier)
            return nil
        }
    }

    /// As much of `count` as `rest` has, taken from it; more is the given anomaly.
    mutating func take(
        _ count: Int64,
        from rest: inout Int64,
        else anomaly: UsageAnomaly?
    ) -> Int64 {
        if count > rest, let anomaly { note(anomaly) }
        let taken = min(count, rest)
        rest -= taken
        return taken
    }
}

extension JSONScanner {
    /// Walks the value if it is an object, and skips it otherwise: a null stands for none.
    @inline(__always)
    mutating func fieldsIfObject(
        _ visit: (inout JSONScanner, JSONName) throws(JSONScanError) -> Void
    ) throws(JSONScanError) {
        if try peek() == UInt8(ascii: "{") { try fields(visit) } else { try value() }
    }

    /// Walks the value if it is an array, and skips it otherwise.
    @inline(__always)
    mutating func elementsIfArray(
        _ visit: (inout JSONScanner) throws(JSONScanError) -> Void
    ) throws(JSONScanError) {
        if try peek() == UInt8(ascii: "[") { try elements(visit) } else { try value() }
    }
}
