/// Limits and defaults of a `CurlClient`; every client, and thus every loop, has its own.
package struct CurlConfiguration: Sendable {
    /// Sent unless the request has a `user-agent` of its own.
    package var userAgent = "farebox"
    /// Connections kept open, busy and idle together; above it the oldest idle one is closed.
    package var connectionsMax = 1_024
    /// Connections open to one host, 0 for no limit; transfers above it wait as if connecting.
    package var perHostMax = 0
    /// How long a connection may lie idle and still be reused; below the usual 60 s of servers.
    package var connectionIdleMax: Duration = .seconds(50)
    /// How long a looked-up address is used again.
    package var addressLifetime: Duration = .seconds(60)
    /// Bytes of all response heads of one transfer, interim ones and trailers included.
    package var headBytesMax = 65_536
    /// Fields of one response head.
    package var fieldCountMax = 200
    /// The kernel's receive buffer of a connection; nil lets the kernel grow it, to megabytes.
    package var receiveBufferBytes: Int? = 262_144
    /// Idle easy handles kept for reuse.
    package var handlesMax = 256
    /// How soon after sending curl may send a non-idempotent request again.
    ///
    /// A server that closes an idle connection while a request travels to it looks like a server
    /// that died of the request. Within this window the first is assumed and the request sent
    /// again on a fresh connection; after it, or when zero, the transfer fails with `.reset`.
    package var resendWindow: Duration = .milliseconds(500)
    /// Whether HTTP/2 is offered to `https` upstreams.
    ///
    /// Off, because a pause bounds nothing there: curl 7.88 reads on for the other streams of the
    /// connection and holds what comes for the paused ones, up to 32 MiB each. Measured with four
    /// paused streams: 40 to 190 MB held, and 30 to 100 ms for a request beside them, not 0.6.
    package var offersHTTP2 = false

    package init() {}
}
