/// Why a request is refused by the server itself.
///
/// The connection is closed after the answer.
package struct RequestViolation: Error, Equatable, Sendable {
    /// The status of the answer: 400, 413, 417, 431, 501 or 505.
    package let status: Int
    /// A sentence for the client; never anything that it sent.
    package let reason: String

    static func malformed(_ reason: String) -> RequestViolation {
        RequestViolation(status: 400, reason: reason)
    }

    static let bodyTooLarge = RequestViolation(
        status: 413,
        reason: "The request body is larger than this server takes."
    )
    static let expectationFailed = RequestViolation(
        status: 417,
        reason: "The only expectation that can be met is 100-continue."
    )
    static let headTooLarge = RequestViolation(
        status: 431,
        reason: "The request's fields are larger than this server takes."
    )
    static let tooManyFields = RequestViolation(
        status: 431,
        reason: "The request has more fields than this server takes."
    )
    static let methodNotImplemented = RequestViolation(
        status: 501,
        reason: "The method is not implemented."
    )
    static let versionNotSupported = RequestViolation(
        status: 505,
        reason: "The only versions spoken here are HTTP/1.1 and HTTP/1.0."
    )
}
