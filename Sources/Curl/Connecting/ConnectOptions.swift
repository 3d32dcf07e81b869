import CCurl
import Glibc

/// What decides how curl makes a connection.
struct ConnectOptions {
    let url: String
    let isSecure: Bool
    /// A PEM file in place of the system's certificate authorities.
    let caFile: String?
    let timeout: Duration
    let addressLifetime: Duration
    /// Looked-up addresses and TLS sessions, which all handles of a client use.
    let share: UnsafeMutableRawPointer
    /// The kernel's receive buffer of a connection, 0 for the kernel's own choice.
    let receiveBufferBytes: Int
}

/// Sets options one after another and remembers the first failure.
struct OptionWriter {
    private let pointer: UnsafeMutableRawPointer
    private(set) var failure = CURLE_OK

    init(_ pointer: UnsafeMutableRawPointer) {
        self.pointer = pointer
    }

    mutating func write(_ options: ConnectOptions) {
        set(CURLOPT_NOSIGNAL, true)
        set(CURLOPT_PROTOCOLS_STR, "http,https")
        set(CURLOPT_URL, options.url)
        set(CURLOPT_CONNECT_ONLY, true)
        set(CURLOPT_CONNECTTIMEOUT_MS, milliseconds(options.timeout))
        // An empty proxy overrides those of the environment.
        set(CURLOPT_PROXY, "")
        set(CURLOPT_SHARE, options.share)
        set(CURLOPT_DNS_CACHE_TIMEOUT, seconds(options.addressLifetime))
        set(CURLOPT_TCP_KEEPALIVE, true)
        // Without it, ending an attempt that looks a name up joins the thread that does so.
        set(CURLOPT_QUICK_EXIT, true)
        // What ALPN offers.
        set(CURLOPT_HTTP_VERSION, CURL_HTTP_VERSION_1_1)
        if options.receiveBufferBytes > 0 {
            record(farebox_easy_set_socket_option(pointer, socketOpened))
            let size = UnsafeMutableRawPointer(bitPattern: options.receiveBufferBytes)
            set(CURLOPT_SOCKOPTDATA, size)
        }
        if options.isSecure { setSecurity(options) }
    }

    private mutating func setSecurity(_ options: ConnectOptions) {
        set(CURLOPT_SSL_VERIFYPEER, true)
        set(CURLOPT_SSL_VERIFYHOST, 2)
        set(CURLOPT_SSLVERSION, CURL_SSLVERSION_TLSv1_2)
        guard let caFile = options.caFile else { return }
        set(CURLOPT_CAINFO, caFile)
        set(CURLOPT_CAPATH, nil as String?)
    }

    /// curl keeps the context, which must outlive the handle.
    mutating func setOpenSocket(
        _ callback: @escaping curl_opensocket_callback,
        context: AnyObject
    ) {
        record(farebox_easy_set_open_socket(pointer, callback))
        set(CURLOPT_OPENSOCKETDATA, Unmanaged.passUnretained(context).toOpaque())
    }

    private mutating func set(_ option: CURLoption, _ value: Int) {
        record(farebox_easy_set_long(pointer, option, value))
    }

    private mutating func set(_ option: CURLoption, _ value: Bool) {
        set(option, value ? 1 : 0)
    }

    /// curl copies the text.
    private mutating func set(_ option: CURLoption, _ value: String?) {
        record(farebox_easy_set_text(pointer, option, value))
    }

    /// curl keeps the pointer.
    private mutating func set(_ option: CURLoption, _ value: UnsafeMutableRawPointer?) {
        record(farebox_easy_set_pointer(pointer, option, value))
    }

    private mutating func record(_ code: CURLcode) {
        if failure == CURLE_OK { failure = code }
    }
}

private func seconds(_ duration: Duration) -> Int {
    max(1, Int(clamping: duration.components.seconds))
}

/// Whole milliseconds, at least one: curl takes zero for its own default.
private func milliseconds(_ duration: Duration) -> Int {
    let (seconds, attoseconds) = duration.components
    return max(1, Int(clamping: seconds) * 1_000 + Int(attoseconds / 1_000_000_000_000_000))
}

/// curl's `CURLOPT_SOCKOPTFUNCTION`: a connection's socket was made; its context is a size.
private func socketOpened(
    _ context: UnsafeMutableRawPointer?,
    _ socket: curl_socket_t,
    _ purpose: curlsocktype
) -> Int32 {
    var size = Int32(clamping: Int(bitPattern: context))
    // A kernel that refuses has its reasons, and its own bound.
    _ = setsockopt(socket, SOL_SOCKET, SO_RCVBUF, &size, socklen_t(MemoryLayout<Int32>.size))
    return CURL_SOCKOPT_OK
}
