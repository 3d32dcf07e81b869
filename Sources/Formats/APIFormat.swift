import Schema

/// The two dialects that clients and upstreams speak.
package enum APIFormat: String, CaseIterable, Sendable {
    case openAI = "openai"
    case anthropic
}

extension Endpoint {
    /// The dialect of this route.
    package var format: APIFormat {
        switch self {
        case .chatCompletions, .completions, .responses, .embeddings: .openAI
        case .messages: .anthropic
        }
    }
}
