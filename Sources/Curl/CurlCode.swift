import CCurl

extension CurlError {
    /// Names what curl reported about a transfer that got as far as `phase`.
    init(
        _ code: CURLcode,
        systemCode: Int,
        phase: TransferMachine.Phase,
        didSend: Bool,
        isSecure: Bool
    ) {
        if code == CURLE_OUT_OF_MEMORY && phase == .awaitingHead {
            // The name that curl gives to its own bound of 100 KB for a line.
            self.init(.headTooLarge, detail: "the response head has too long a line")
            return
        }
        if code == CURLE_RECV_ERROR && phase == .receivingBody && systemCode == 0 && !isSecure {
            // So curl reports bad chunks. Without TLS a failed read would have an errno.
            self = .violation("the response's chunks cannot be read")
            return
        }
        self.init(
            failureKind(of: code, phase: phase),
            isRetrySafe: phase == .connecting || !didSend,
            detail: String(cString: curl_easy_strerror(code)),
            curlCode: Int32(code.rawValue),
            systemCode: Int32(truncatingIfNeeded: systemCode)
        )
    }
}

private func failureKind(of code: CURLcode, phase: TransferMachine.Phase) -> CurlError.Kind {
    switch code {
    case CURLE_URL_MALFORMAT, CURLE_LOGIN_DENIED: .invalidRequest
    case CURLE_COULDNT_RESOLVE_HOST: .resolve
    case CURLE_COULDNT_CONNECT: .connect
    case CURLE_SSL_CONNECT_ERROR, CURLE_PEER_FAILED_VERIFICATION, CURLE_SSL_CIPHER,
        CURLE_SSL_ISSUER_ERROR, CURLE_SSL_INVALIDCERTSTATUS, CURLE_SSL_CERTPROBLEM,
        CURLE_SSL_CLIENTCERT:
        .tls
    case CURLE_SSL_CACERT_BADFILE, CURLE_SSL_CRL_BADFILE: .certificateAuthorities
    // Only the connect timeout is curl's, where it also divides the time between addresses.
    case CURLE_OPERATION_TIMEDOUT: .timeout(.connect)
    case CURLE_GOT_NOTHING: .reset
    case CURLE_SEND_ERROR, CURLE_RECV_ERROR: lost(in: phase)
    case CURLE_PARTIAL_FILE, CURLE_HTTP2, CURLE_HTTP2_STREAM:
        phase == .receivingBody ? .truncated : .reset
    case CURLE_WEIRD_SERVER_REPLY, CURLE_UNSUPPORTED_PROTOCOL, CURLE_BAD_CONTENT_ENCODING,
        CURLE_WRITE_ERROR:
        .protocolViolation
    case CURLE_OUT_OF_MEMORY: .resources
    default: .unexpected
    }
}

private func lost(in phase: TransferMachine.Phase) -> CurlError.Kind {
    switch phase {
    case .connecting: .connect
    case .awaitingHead: .reset
    case .receivingBody, .ended: .truncated
    }
}
