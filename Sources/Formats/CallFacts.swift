import Schema

/// What a request says that decides its route, its bound and its price.
///
/// Reading refuses whatever could cost more than the facts tell: see `ChatRequest` and
/// `MessagesRequest`. All other fields are the upstream's business and travel untouched.
package struct CallFacts: Hashable, Sendable {
    /// The most alternative answers of one call.
    package static let choicesMax: Int64 = 128

    package let endpoint: Endpoint
    package internal(set) var model = ""
    package internal(set) var isStreamed = false
    /// Answers that are generated, each as long as the output cap; 1 for Anthropic.
    package internal(set) var choices: Int64 = 1
    /// How many of them the client is to get: fewer than `choices` where the best are chosen.
    var choicesShown: Int64 = 1
    /// The client's limit of output tokens; nil when it sets none.
    package internal(set) var outputCap: Int64?
    /// The field that carries the limit, or that one is to be written into.
    package internal(set) var outputCapField: OutputCapField
    /// The least cap that still makes sense: thinking budget + 1; never above `outputCap`.
    package internal(set) var outputCapFloor: Int64 = 1
    /// Cache writes that the request may cause, by the dearest.
    package internal(set) var cacheWrites: CacheWrites = .none
    /// The tier asked for; nil when it is left to the upstream.
    package internal(set) var serviceTier: ServiceTier?
    /// Whether an OpenAI client asked for usage in the stream.
    package internal(set) var wantsStreamUsage = false
    package internal(set) var messageCount: Int64 = 0
    package internal(set) var imageCount: Int64 = 0
    /// Prompt tokens at most, images aside.
    package internal(set) var textTokensBound: Int64 = 0
    /// Bytes of the body without images: what an estimate goes by.
    package internal(set) var textBytes: Int64 = 0
    /// Prompt tokens where the client sent tokens and not text: exact.
    package internal(set) var promptTokens: Int64?
    var places = BodyPlaces()

    /// Reads a whole request body.
    ///
    /// - Throws: the 400 to answer with.
    package init(endpoint: Endpoint, body: [UInt8]) throws(RequestFault) {
        self =
            switch endpoint {
            case .chatCompletions: try ChatRequest.facts(of: body)
            case .completions: try CompletionsRequest.facts(of: body)
            case .responses: try ResponsesRequest.facts(of: body)
            case .embeddings: try EmbeddingsRequest.facts(of: body)
            case .messages: try MessagesRequest.facts(of: body)
            }
    }

    /// Reads the body of a request to count its prompt's tokens, in Anthropic's format.
    ///
    /// - Throws: the 400 to answer with.
    package init(countingTokensOf body: [UInt8]) throws(RequestFault) {
        self = try MessagesRequest.facts(of: body, countsOnly: true)
    }

    /// Facts to be filled in by a reader.
    init(endpoint: Endpoint, outputCapField: OutputCapField) {
        self.endpoint = endpoint
        self.outputCapField = outputCapField
    }

    /// Prompt tokens at most: a sound bound for byte-level tokenizers, about four times the truth.
    ///
    /// The caller lowers it to the model's context length. An image counts as the dearest one of
    /// any model of the format; a caller who knows the model's own maximum gives it.
    package func inputTokensBound(imageTokensMax: Int64? = nil) -> Int64 {
        textTokensBound + imageTokensBound(imageTokensMax: imageTokensMax)
    }

    /// What the images of the prompt come to at most.
    package func imageTokensBound(imageTokensMax: Int64? = nil) -> Int64 {
        imageCount * (imageTokensMax ?? InputBound.imageTokensMax(endpoint.format))
    }

    package var inputTokensBound: Int64 { inputTokensBound() }
}

/// The name of the field that limits output.
package enum OutputCapField: String, CaseIterable, Sendable {
    case maxTokens = "max_tokens"
    case maxCompletionTokens = "max_completion_tokens"
    case maxOutputTokens = "max_output_tokens"
}

/// Prompt-cache writes that a request may cause, from the cheapest to the dearest.
package enum CacheWrites: Int, Comparable, Sendable {
    case none
    /// Kept for minutes: Anthropic's 5, OpenAI's 30.
    case short
    /// Kept for hours: Anthropic's 1, OpenAI's 12.
    case long

    package static func < (left: Self, right: Self) -> Bool { left.rawValue < right.rawValue }
}

/// The constants of the input bound, in tokens.
package enum InputBound {
    /// What a chat template adds around a message.
    package static let perMessage: Int64 = 16
    /// What it adds around a tool.
    package static let perTool: Int64 = 32
    /// What it adds around the whole.
    package static let perRequest: Int64 = 64
    /// What an upstream prompts on its own when there are tools, or for a tool of its own making.
    package static let injectedPrompt: Int64 = 1_024

    /// The dearest image of any model of a format.
    ///
    /// OpenAI: gpt-4o-mini, 2 833 + 5 667 for each of at most 8 tiles (768 × 2 048 pixels).
    /// Anthropic: about 2 576 pixels at the longer edge, 4 800 tokens.
    package static func imageTokensMax(_ format: APIFormat) -> Int64 {
        switch format {
        case .openAI: 2_833 + 8 * 5_667
        case .anthropic: 5_000
        }
    }
}

/// Where a body is edited, found while its facts were read.
struct BodyPlaces: Hashable, Sendable {
    /// Behind the opening brace of the body.
    var bodyStart = 0
    /// The model's value.
    var model = 0..<0
    /// The caps' values, null included; nil when the field is absent.
    var maxTokens: Range<Int>?
    var maxCompletionTokens: Range<Int>?
    var maxOutputTokens: Range<Int>?
    /// The name of the cap that the client set, between its quotes, where the format has two.
    var capName: Range<Int>?
    var streamOptions: StreamOptions = .absent

    func cap(_ field: OutputCapField) -> Range<Int>? {
        switch field {
        case .maxTokens: maxTokens
        case .maxCompletionTokens: maxCompletionTokens
        case .maxOutputTokens: maxOutputTokens
        }
    }

    enum StreamOptions: Hashable, Sendable {
        case absent
        /// The value is null and stands here.
        case null(Range<Int>)
        /// An object without `include_usage`; what stands behind its brace, and if it is empty.
        case withoutUsage(bodyStart: Int, isEmpty: Bool)
        /// The value of `include_usage`.
        case withUsage(Range<Int>)
    }
}
