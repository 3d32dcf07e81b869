/// What stands before a request's body, checked.
package struct RequestHead: Equatable, Sendable {
    /// How the body's end is found.
    package enum Framing: Equatable, Sendable {
        case none
        /// Above zero, at most `HTTPLimits.bodyBytesMax`.
        case length(Int)
        case chunked
    }

    package internal(set) var method = ""
    /// As sent, not decoded: `/` and what follows up to the query, or `*`.
    package internal(set) var path = ""
    /// What follows the first `?`, as sent.
    package internal(set) var query: String?
    package internal(set) var fields = HTTPFields()
    /// HTTP/1.1 as against HTTP/1.0.
    package internal(set) var isVersion11 = true
    package internal(set) var framing = Framing.none
    /// Whether the client wants to send more requests on this connection.
    package internal(set) var isKeepAlive = true
    /// Whether the client waits for 100 (Continue) before it sends the body.
    package internal(set) var expectsContinue = false
}

/// What comes out of a `RequestParser`.
package enum RequestEvent: Equatable, Sendable {
    case head(RequestHead)
    /// Bytes of the body: their places in the input.
    case body(Range<Int>)
    /// The request is complete; what follows is the next one.
    case end
}
