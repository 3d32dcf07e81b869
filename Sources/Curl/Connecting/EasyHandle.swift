import CCurl
import Glibc

/// One of curl's easy handles: makes one connection, and stays with it where it has TLS.
///
/// It belongs to the loop. Its multi handle holds it until `end`.
final class EasyHandle {
    let pointer: UnsafeMutableRawPointer
    let isSecure: Bool
    private let multi: MultiHandle
    /// Asked for each address before a connection to it is made; nil admits all.
    private let admits: (@Sendable (CurlAddress) -> Bool)?
    private var hasRefusedAddress = false
    private var hasEnded = false
    /// Told once what came of it, unless it is ended before.
    private var completion: ((Result<any ByteStream, CurlError>) -> Void)?

    init(
        _ options: ConnectOptions,
        multi: MultiHandle,
        admits: (@Sendable (CurlAddress) -> Bool)?,
        completion: @escaping (Result<any ByteStream, CurlError>) -> Void
    ) throws(CurlError) {
        guard let pointer = curl_easy_init() else {
            throw CurlError(
                .resources,
                isRetrySafe: true,
                detail: "curl has no memory for an easy handle"
            )
        }
        self.pointer = pointer
        self.multi = multi
        self.admits = admits
        self.completion = completion
        isSecure = options.isSecure
        var writer = OptionWriter(pointer)
        writer.write(options)
        if admits != nil { writer.setOpenSocket(transferOpenSocket, context: self) }
        guard writer.failure == CURLE_OK else {
            hasEnded = true
            curl_easy_cleanup(pointer)
            throw CurlError(writer.failure, systemCode: 0, phase: .connecting, didSend: false)
        }
    }

    deinit {
        assert(hasEnded, "an easy handle was dropped without being ended")
    }

    /// The `errno` of the last failure.
    var systemCode: Int32 {
        var value = 0
        guard farebox_easy_get_long(pointer, CURLINFO_OS_ERRNO, &value) == CURLE_OK else {
            return 0
        }
        return Int32(truncatingIfNeeded: value)
    }

    /// Ends what it does, and closes its connection; harmless when it was ended before.
    func end() {
        guard !hasEnded else { return }
        hasEnded = true
        completion = nil
        multi.remove(self)
        curl_easy_cleanup(pointer)
    }

    /// curl has connected, or given up.
    func connected(_ code: CURLcode) {
        guard let completion else { return }
        self.completion = nil
        var socket = farebox_socket_bad
        guard code == CURLE_OK, farebox_easy_get_socket(pointer, &socket) == CURLE_OK else {
            let error = failure(code)
            end()
            return completion(.failure(error))
        }
        if isSecure {
            return completion(.success(SecureStream(descriptor: socket, handle: self)))
        }
        // A descriptor of our own, so that nothing of curl's is left with the connection.
        let descriptor = fcntl(socket, F_DUPFD_CLOEXEC, 0)
        let systemCode = errno
        end()
        guard descriptor >= 0 else {
            let detail = "there is no descriptor left"
            return completion(
                .failure(
                    CurlError(
                        .resources,
                        isRetrySafe: true,
                        detail: detail,
                        systemCode: systemCode
                    )
                )
            )
        }
        completion(.success(PlainStream(owning: descriptor)))
    }

    /// The loop could not watch its socket, so nothing would come of it.
    func cannotBeWatched(_ systemCode: Int32) {
        guard let completion else { return }
        end()
        completion(
            .failure(
                CurlError(
                    .resources,
                    isRetrySafe: true,
                    detail: "a connection could not be watched",
                    systemCode: systemCode
                )
            )
        )
    }

    private func failure(_ code: CURLcode) -> CurlError {
        if hasRefusedAddress { return .refusedAddress }
        return CurlError(
            code == CURLE_OK ? CURLE_COULDNT_CONNECT : code,
            systemCode: Int(systemCode),
            phase: .connecting,
            didSend: false
        )
    }

    fileprivate func openSocket(_ address: curl_sockaddr, _ bytes: [UInt8]) -> Int32 {
        if let admits, !admits(CurlAddress(bytes: bytes)) {
            hasRefusedAddress = true
            return farebox_socket_bad
        }
        return socket(address.family, address.socktype | closeOnExec, address.protocol)
    }
}

/// Glibc's, as a number.
private let closeOnExec = Int32(SOCK_CLOEXEC.rawValue)

// MARK: Callbacks. File-scope functions: a closure literal would inherit an isolation that traps.

/// curl's `CURLOPT_OPENSOCKETFUNCTION`: makes the socket for an address that was looked up.
private func transferOpenSocket(
    _ context: UnsafeMutableRawPointer?,
    _ purpose: curlsocktype,
    _ address: UnsafeMutablePointer<curl_sockaddr>?
) -> curl_socket_t {
    guard let context, let address, let offset = MemoryLayout<curl_sockaddr>.offset(of: \.addr)
    else { return farebox_socket_bad }
    // Borrowed: the multi handle holds it for as long as curl has it.
    let handle = Unmanaged<EasyHandle>.fromOpaque(context).takeUnretainedValue()
    // Behind the head lies a whole `sockaddr` of its family, which may be longer than C's type.
    let start = UnsafeRawPointer(address) + offset
    let bytes: [UInt8]
    switch address.pointee.family {
    case AF_INET:
        bytes = withUnsafeBytes(of: start.loadUnaligned(as: sockaddr_in.self).sin_addr, Array.init)
    case AF_INET6:
        bytes = withUnsafeBytes(
            of: start.loadUnaligned(as: sockaddr_in6.self).sin6_addr,
            Array.init
        )
    default: return farebox_socket_bad
    }
    return handle.openSocket(address.pointee, bytes)
}
