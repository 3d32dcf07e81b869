import CCurl
import EventLoop
import Glibc

/// Sends HTTP requests by libcurl on one loop, over connections that are kept and reused.
///
/// Made anywhere, used on its loop only, and closed there before the loop stops. Certificates are
/// always verified; redirects, proxies of the environment and cookies are not followed or used.
/// Plain upstreams speak HTTP/1.1.
package final class CurlClient {
    package let configuration: CurlConfiguration
    private let multi: MultiHandle

    package init(
        loop: EventLoop,
        configuration: CurlConfiguration = CurlConfiguration()
    ) throws(CurlError) {
        guard globalInitialization == CURLE_OK else {
            throw CurlError(.unexpected, detail: "curl could not be initialized")
        }
        guard resolvesWithoutBlocking else {
            throw CurlError(.unexpected, detail: "this curl looks names up on the caller's thread")
        }
        self.configuration = configuration
        multi = try MultiHandle(loop: loop, configuration: configuration)
    }

    /// What the client has done so far.
    package var counters: CurlCounters { multi.counters }

    /// Sends a request and returns when the final response head has arrived.
    ///
    /// Any status is a response. Cancelling the task cancels the transfer.
    ///
    /// A request may reach an upstream more than once: when a reused connection dies without an
    /// answer, curl sends again on a fresh one, at most five times; `resendWindow` bounds this for
    /// methods that are not idempotent, and `resendCount` and the counters tell of it.
    package func send(_ request: CurlRequest) async throws(CurlError) -> CurlResponse {
        multi.loop.preconditionCurrent()
        let transfer = try start(request)
        while true {
            if let head = transfer.machine.head {
                return CurlResponse(head, transfer: transfer)
            }
            if transfer.machine.phase == .ended, let failure = transfer.machine.failure {
                throw failure
            }
            await transfer.change()
        }
    }

    /// Ends every transfer with `.closed` and closes every connection; nothing can be sent after.
    package func close() {
        multi.close()
    }

    private func start(_ request: CurlRequest) throws(CurlError) -> Transfer {
        if multi.isClosed { throw .closed(isRetrySafe: true) }
        if let flaw = request.flaw {
            throw CurlError(.invalidRequest, isRetrySafe: true, detail: flaw)
        }
        let handle = try multi.takeHandle()
        let transfer = Transfer(
            request,
            handle: handle,
            multi: multi,
            configuration: configuration
        )
        do throws(CurlError) {
            try configure(transfer, for: request)
            try multi.add(transfer)
        } catch {
            multi.discard(handle)
            throw error
        }
        return transfer
    }

    private func configure(
        _ transfer: Transfer,
        for request: CurlRequest
    ) throws(CurlError) {
        var options = OptionWriter(transfer.handle)
        setCallbacks(of: transfer, in: &options)
        setRequest(request, fields: transfer.fieldList, in: &options)
        setConnection(for: request, in: &options)
        if request.admits != nil {
            options.setOpenSocket(transferOpenSocket)
            options.set(CURLOPT_OPENSOCKETDATA, context: transfer)
            options.set(CURLOPT_FRESH_CONNECT, true)
            options.set(CURLOPT_FORBID_REUSE, true)
        }
        guard options.failure == CURLE_OK else {
            throw CurlError(
                options.failure,
                systemCode: 0,
                phase: .connecting,
                didSend: false,
                isSecure: request.isSecure
            )
        }
    }

    private func setCallbacks(of transfer: Transfer, in options: inout OptionWriter) {
        options.set(CURLOPT_NOSIGNAL, true)
        options.setPrerequest(transferConnectionReady)
        options.set(CURLOPT_PREREQDATA, context: transfer)
        options.set(CURLOPT_HEADERFUNCTION, transferHeadLine)
        options.set(CURLOPT_HEADERDATA, context: transfer)
        options.set(CURLOPT_WRITEFUNCTION, transferBody)
        options.set(CURLOPT_WRITEDATA, context: transfer)
    }

    private func setRequest(
        _ request: CurlRequest,
        fields: UnsafeMutablePointer<curl_slist>,
        in options: inout OptionWriter
    ) {
        options.set(CURLOPT_PROTOCOLS_STR, "http,https")
        options.set(CURLOPT_URL, request.url)
        options.set(CURLOPT_DISALLOW_USERNAME_IN_URL, true)
        options.set(CURLOPT_PATH_AS_IS, true)
        if request.sendsBody {
            options.set(CURLOPT_POST, true)
            options.setBody(request.body)
        } else if request.method == "HEAD" {
            options.set(CURLOPT_NOBODY, true)
        }
        options.set(CURLOPT_CUSTOMREQUEST, request.method)
        options.set(CURLOPT_USERAGENT, configuration.userAgent)
        options.setFields(fields)
        options.set(CURLOPT_FOLLOWLOCATION, false)
        options.set(CURLOPT_HTTP09_ALLOWED, false)
    }

    private func setConnection(for request: CurlRequest, in options: inout OptionWriter) {
        // An empty proxy overrides those of the environment.
        options.set(CURLOPT_PROXY, "")
        options.set(CURLOPT_CONNECTTIMEOUT_MS, milliseconds(request.timeouts.connect))
        options.set(CURLOPT_DNS_CACHE_TIMEOUT, seconds(configuration.addressLifetime))
        options.set(CURLOPT_MAXAGE_CONN, seconds(configuration.connectionIdleMax))
        options.set(CURLOPT_TCP_KEEPALIVE, true)
        // Without it, ending a transfer that looks a name up joins the thread that does so.
        options.set(CURLOPT_QUICK_EXIT, true)
        if let bytes = configuration.receiveBufferBytes {
            options.setSocketOption(limitReceiveBuffer)
            options.set(
                CURLOPT_SOCKOPTDATA,
                UnsafeMutableRawPointer(bitPattern: bytes)
            )
        }
        guard request.isSecure else {
            options.set(CURLOPT_HTTP_VERSION, CURL_HTTP_VERSION_1_1)
            return
        }
        options.set(CURLOPT_SSL_VERIFYPEER, true)
        options.set(CURLOPT_SSL_VERIFYHOST, 2)
        options.set(CURLOPT_SSLVERSION, CURL_SSLVERSION_TLSv1_2)
        if let caFile = request.caFile {
            options.set(CURLOPT_CAINFO, caFile)
            options.set(CURLOPT_CAPATH, nil as String?)
        }
        if configuration.offersHTTP2 {
            options.set(CURLOPT_HTTP_VERSION, CURL_HTTP_VERSION_2TLS)
            options.set(CURLOPT_PIPEWAIT, true)
        } else {
            options.set(CURLOPT_HTTP_VERSION, CURL_HTTP_VERSION_1_1)
        }
    }
}

/// Done once, by whoever makes the first client; this curl's is safe from any thread.
private let globalInitialization = curl_global_init(Int(CURL_GLOBAL_DEFAULT))

private let resolvesWithoutBlocking: Bool = {
    guard let version = curl_version_info(farebox_version_now) else { return false }
    return version.pointee.features & CURL_VERSION_ASYNCHDNS != 0
}()

/// curl's `CURLOPT_SOCKOPTFUNCTION`; the context is the size itself.
private func limitReceiveBuffer(
    _ context: UnsafeMutableRawPointer?,
    _ socket: curl_socket_t,
    _ purpose: curlsocktype
) -> Int32 {
    var size = Int32(truncatingIfNeeded: Int(bitPattern: context))
    // A kernel that refuses has its reasons, and its own bound.
    _ = setsockopt(socket, SOL_SOCKET, SO_RCVBUF, &size, socklen_t(MemoryLayout<Int32>.size))
    return CURL_SOCKOPT_OK
}

/// Whole milliseconds, at least one: curl takes zero for its own default.
private func milliseconds(_ duration: Duration) -> Int {
    let (seconds, attoseconds) = duration.components
    return max(1, Int(clamping: seconds) * 1_000 + Int(attoseconds / 1_000_000_000_000_000))
}

private func seconds(_ duration: Duration) -> Int {
    max(1, Int(clamping: duration.components.seconds))
}
