/// Why a transfer failed, in words that quote no URL, field or body.
package struct CurlError: Error, Sendable {
    package let kind: Kind
    /// Whether no byte of the request can have reached the upstream, so that sending it again,
    /// there or elsewhere, cannot do anything twice.
    package let isRetrySafe: Bool
    /// A constant phrase, or curl's own name of the failure.
    package let detail: String
    /// curl's `CURLcode`; 0 when curl did not report the failure.
    package let curlCode: Int32
    /// The `errno` behind it; 0 when there is none.
    package let systemCode: Int32

    init(
        _ kind: Kind,
        isRetrySafe: Bool = false,
        detail: String,
        curlCode: Int32 = 0,
        systemCode: Int32 = 0
    ) {
        self.kind = kind
        self.isRetrySafe = isRetrySafe
        self.detail = detail
        self.curlCode = curlCode
        self.systemCode = systemCode
    }

    /// What went wrong.
    package enum Kind: Hashable, Sendable {
        /// The host's name has no address, or could not be looked up.
        case resolve
        /// No connection: refused, unreachable, or reset while connecting.
        case connect
        /// None of the host's addresses is one that the request admits.
        case refusedAddress
        /// The TLS handshake failed, or the certificate is not trusted.
        case tls
        /// The file of certificate authorities cannot be used.
        case certificateAuthorities
        case timeout(Timeout)
        /// The connection ended before the response head did.
        case reset
        /// The connection ended before the body did.
        case truncated
        /// The upstream sent what is not HTTP, or what HTTP forbids.
        case protocolViolation
        /// The response head is above `headBytesMax` or `fieldCountMax`.
        case headTooLarge
        /// The caller cancelled the transfer, or its task was cancelled.
        case cancelled
        /// The client was closed.
        case closed
        /// The request cannot be sent as it is.
        case invalidRequest
        /// Memory or descriptors ran out here.
        case resources
        /// A failure of curl's that has no place above.
        case unexpected
    }

    /// The bound that was exceeded.
    package enum Timeout: String, Sendable {
        case connect
        case firstByte = "first_byte"
        case idle
        case total
    }

    /// On whose side the cause lies.
    package enum Fault: Sendable {
        case upstream
        case us
        case caller
    }

    package var fault: Fault {
        switch kind {
        case .resolve, .connect, .tls, .timeout, .reset, .truncated, .protocolViolation,
            .headTooLarge:
            .upstream
        case .cancelled, .invalidRequest, .refusedAddress: .caller
        case .certificateAuthorities, .closed, .resources, .unexpected: .us
        }
    }
}

extension CurlError: CustomStringConvertible {
    package var description: String {
        var codes: [String] = []
        if curlCode != 0 { codes.append("curl \(curlCode)") }
        if systemCode != 0 { codes.append("errno \(systemCode)") }
        return codes.isEmpty ? detail : "\(detail) (\(codes.joined(separator: ", ")))"
    }
}

extension CurlError {
    static func timeout(_ timeout: Timeout, isRetrySafe: Bool) -> CurlError {
        let detail =
            switch timeout {
            case .connect: "no connection to the upstream within the connect timeout"
            case .firstByte: "no response head within the first-byte timeout"
            case .idle: "the upstream was silent for longer than the idle timeout"
            case .total: "the transfer took longer than its total timeout"
            }
        return CurlError(.timeout(timeout), isRetrySafe: isRetrySafe, detail: detail)
    }

    static func cancelled(isRetrySafe: Bool) -> CurlError {
        CurlError(.cancelled, isRetrySafe: isRetrySafe, detail: "the transfer was cancelled")
    }

    static func closed(isRetrySafe: Bool) -> CurlError {
        CurlError(.closed, isRetrySafe: isRetrySafe, detail: "the client was closed")
    }

    static let refusedAddress = CurlError(
        .refusedAddress,
        isRetrySafe: true,
        detail: "the host has no address that the request admits"
    )

    static func violation(_ detail: String) -> CurlError {
        CurlError(.protocolViolation, detail: detail)
    }
}
