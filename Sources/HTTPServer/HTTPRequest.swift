import EventLoop

/// A request as its handler sees it; the body is read from its `HTTPExchange`.
package struct HTTPRequest: Sendable {
    /// As sent; methods are case-sensitive.
    package let method: String
    /// As sent, not decoded: `/` and what follows up to the query, or `*`.
    package let path: String
    /// What follows the first `?`, as sent.
    package let query: String?
    package let fields: HTTPFields
    /// The peer of the connection, a proxy perhaps.
    package let remoteAddress: SocketAddress

    init(_ head: RequestHead, from remoteAddress: SocketAddress) {
        method = head.method
        path = head.path
        query = head.query
        fields = head.fields
        self.remoteAddress = remoteAddress
    }
}

/// Answers a request.
///
/// It runs on the server's loop, as a task of its own.
///
/// A handler that returns without having responded is answered for with 500.
package typealias HTTPHandler = @Sendable (HTTPRequest, HTTPExchange) async -> Void

/// Nothing more can reach the client: the connection is closed or reset.
package struct ClientGone: Error {}

/// Why a request's body can't be had.
package enum HTTPBodyError: Error, Equatable {
    /// It is longer than asked for, or than the server takes.
    case tooLarge
    /// The client went away before its end.
    case clientGone
    /// It came too slowly.
    case timedOut
    /// Its chunks are malformed.
    case malformed

    /// The status that tells the client so.
    package var status: Int {
        switch self {
        case .tooLarge: 413
        case .timedOut: 408
        case .malformed, .clientGone: 400
        }
    }
}
