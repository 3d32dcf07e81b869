import Formats
import Schema

/// Every public route.
///
/// What is not here is not served, so nothing reaches an upstream unmetered.
package enum Route: Hashable, Sendable {
    /// Reaches an upstream: authenticated, admitted, metered and settled.
    case call(Endpoint)
    /// Reaches an upstream, or none, and is free: authenticated, and nothing else.
    case countTokens
    case models
    case model(String)
    case credits
    case usage
    /// One call of the key's, by its identifier as clients see it.
    case usageOfCall(String)
    case liveness
    case readiness

    /// What a route that costs nothing is called where it is counted; nil for calls, which have
    /// figures of their own, and for health checks, of which nobody wants a trace.
    package var freeName: String? {
        switch self {
        case .countTokens: "count_tokens"
        case .models: "models"
        case .model: "model"
        case .credits: "credits"
        case .usage: "usage"
        case .usageOfCall: "usage_of_call"
        case .call, .liveness, .readiness: nil
        }
    }

    /// Whether the route can reach an upstream that bills it.
    package var isCall: Bool {
        if case .call = self { true } else { false }
    }
}

package enum RouteTable {
    /// The paths that are fixed, with their one method.
    package static let routes: [(method: String, path: String, route: Route)] = [
        ("POST", "/v1/chat/completions", .call(.chatCompletions)),
        ("POST", "/v1/completions", .call(.completions)),
        ("POST", "/v1/responses", .call(.responses)),
        ("POST", "/v1/embeddings", .call(.embeddings)),
        ("POST", "/v1/messages", .call(.messages)),
        ("POST", "/v1/messages/count_tokens", .countTokens),
        ("GET", "/v1/models", .models),
        ("GET", "/v1/credits", .credits),
        ("GET", "/v1/usage", .usage),
        ("GET", "/healthz", .liveness),
        ("GET", "/readyz", .readiness),
    ]

    /// The paths that end in a name, with what they ask for; they take GET.
    package static let namedRoutes: [(prefix: String, route: @Sendable (String) -> Route)] = [
        ("/v1/models/", { .model($0) }),
        ("/v1/usage/", { .usageOfCall($0) }),
    ]

    /// Finds what a request asks for.
    ///
    /// - Throws: the 404 or 405 to answer with.
    static func find(_ method: String, _ path: String) throws(APIError) -> Route {
        for entry in routes where entry.path == path {
            guard entry.method == method || method == "HEAD" && entry.method == "GET" else {
                throw APIError(
                    .methodNotAllowed(allowed: entry.method),
                    "\(path) takes \(entry.method)."
                )
            }
            return entry.route
        }
        for entry in namedRoutes
        where path.hasPrefix(entry.prefix) && path.utf8.count > entry.prefix.utf8.count
            && (method == "GET" || method == "HEAD")
        {
            let name = String(path.dropFirst(entry.prefix.count))
            // A name may have a slash, which clients write as they like; what is not well encoded
            // names nothing anyway.
            return entry.route(name.percentDecoded ?? name)
        }
        throw APIError(.routeNotFound, "There is no route \(method) \(path) here.")
    }

    /// The format that an answer to this path is expected in.
    ///
    /// Anthropic's own routes, and the shared ones when the client names an Anthropic version.
    static func format(path: String, namesAnthropicVersion: Bool) -> APIFormat {
        path.hasPrefix("/v1/messages") || namesAnthropicVersion ? .anthropic : .openAI
    }
}
