/// A class of tokens with a price of its own.
///
/// Classes are disjoint: a token is counted in exactly one, and a total is never priced.
package enum TokenClass: String, CaseIterable, Sendable {
    case input
    case cacheRead = "cache_read"
    case cacheWriteShort = "cache_write_short"
    case cacheWriteLong = "cache_write_long"
    case audioInput = "audio_input"
    case imageInput = "image_input"
    case output
    case audioOutput = "audio_output"

    /// Whether tokens of this class are part of the prompt.
    package var isInput: Bool { self != .output && self != .audioOutput }
}

/// Token counts of one call by disjoint class.
package struct TokenUsage: Hashable, Sendable {
    /// More tokens than any model takes in a call; larger reports are anomalies, not usage.
    package static let countMax: Int64 = 1_000_000_000

    package var input: Int64 = 0
    package var cacheRead: Int64 = 0
    package var cacheWriteShort: Int64 = 0
    package var cacheWriteLong: Int64 = 0
    package var audioInput: Int64 = 0
    package var imageInput: Int64 = 0
    package var output: Int64 = 0
    package var audioOutput: Int64 = 0
    /// How many of `output` were reasoning: a memo, never added.
    package var reasoning: Int64 = 0

    package init() {}

    package subscript(tokenClass: TokenClass) -> Int64 {
        get {
            switch tokenClass {
            case .input: input
            case .cacheRead: cacheRead
            case .cacheWriteShort: cacheWriteShort
            case .cacheWriteLong: cacheWriteLong
            case .audioInput: audioInput
            case .imageInput: imageInput
            case .output: output
            case .audioOutput: audioOutput
            }
        }
        set {
            switch tokenClass {
            case .input: input = newValue
            case .cacheRead: cacheRead = newValue
            case .cacheWriteShort: cacheWriteShort = newValue
            case .cacheWriteLong: cacheWriteLong = newValue
            case .audioInput: audioInput = newValue
            case .imageInput: imageInput = newValue
            case .output: output = newValue
            case .audioOutput: audioOutput = newValue
            }
        }
    }

    /// All tokens of the prompt, cached ones included: what a long-context tier is decided by.
    package var inputTotal: Int64 {
        input + cacheRead + cacheWriteShort + cacheWriteLong + audioInput + imageInput
    }

    /// All tokens that the model produced.
    package var outputTotal: Int64 { output + audioOutput }
}

/// The service tier that an upstream says it used.
package enum ServiceTier: String, CaseIterable, Sendable {
    case standard
    case flex
    case priority
    case batch
}

/// A long-context tier: its prices apply to the whole call when the prompt exceeds `threshold`.
package struct ContextTier: Hashable, Comparable, Sendable {
    /// Tokens of prompt above which the tier applies; zero is the base tier.
    package let threshold: Int32

    package init(threshold: Int32) {
        self.threshold = threshold
    }

    package static let base = ContextTier(threshold: 0)

    package static func < (left: Self, right: Self) -> Bool { left.threshold < right.threshold }
}

/// Something that is priced by the call and not by the token.
package enum FeeKind: String, CaseIterable, Sendable {
    /// Each call of the model.
    case request
    /// Each web search that the upstream made on the model's behalf.
    case webSearch = "web_search"
}
