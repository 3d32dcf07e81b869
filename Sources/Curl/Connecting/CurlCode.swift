import CCurl

extension CurlError {
    /// Names what curl, or the kernel by curl's name, reported of a transfer that is in `phase`.
    init(
        _ code: CURLcode,
        systemCode: Int,
        phase: TransferMachine.Phase,
        didSend: Bool
    ) {
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
    case CURLE_SEND_ERROR, CURLE_RECV_ERROR: lost(in: phase)
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
