/// The bounds that a server holds every client to.
package struct HTTPLimits: Sendable {
    // MARK: Sizes

    /// Request line and fields together, and likewise a chunked body's trailers; above: 431.
    package var headBytesMax = 32 * 1_024
    /// Fields of a request, and likewise of its trailers; above: 431.
    package var fieldCountMax = 100
    /// A request's body, declared or actual; above: 413.
    package var bodyBytesMax = 32 * 1_024 * 1_024
    /// Bytes of later requests that are taken in while one is being answered; then the
    /// connection is not read.
    package var pipelineBytesMax = 64 * 1_024
    /// Bytes of a body that are taken in before its handler asks for them.
    package var bodyHighWaterBytes = 64 * 1_024
    /// Unsent bytes above which `HTTPExchange.writable` waits until half of it is left.
    package var highWaterBytes = 64 * 1_024
    /// A body that its handler did not read is skipped when at most this is left of it; the
    /// connection is closed otherwise.
    package var skippedBodyBytesMax = 64 * 1_024
    /// Open connections; above, idle ones are closed, then new ones wait in the backlog.
    package var connectionsMax = 16_384
    /// What the kernel may buffer per connection for sending; nil leaves it to grow to megabytes.
    package var socketSendBufferBytes: Int? = 128 * 1_024
    /// What the kernel may buffer per connection for receiving; nil leaves it to grow.
    package var socketReceiveBufferBytes: Int?

    // MARK: Times

    /// From the first byte of a request, or from the connection's start, to the end of its head.
    package var headTimeout = Duration.seconds(10)
    /// From the first wait for a body to its end, and `bodyBytesPerSecondMin` longer for what came.
    package var bodyTimeout = Duration.seconds(30)
    /// The slowest body that is taken, beyond `bodyTimeout`.
    package var bodyBytesPerSecondMin = 4 * 1_024
    /// Between requests.
    package var idleTimeout = Duration.seconds(75)
    /// Without the peer taking a byte of what is to be sent.
    package var writeStallTimeout = Duration.seconds(30)
    /// How long what a refused client still sends is thrown away, so that it can read the answer.
    package var lingerTimeout = Duration.seconds(2)

    package init() {}
}
