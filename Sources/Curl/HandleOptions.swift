import CCurl

/// Sets options one after another and remembers the first failure.
struct OptionWriter {
    private let pointer: UnsafeMutableRawPointer
    private(set) var failure = CURLE_OK

    init(_ pointer: UnsafeMutableRawPointer) {
        self.pointer = pointer
    }

    mutating func set(_ option: CURLoption, _ value: Int) {
        record(farebox_easy_set_long(pointer, option, value))
    }

    mutating func set(_ option: CURLoption, _ value: Bool) {
        set(option, value ? 1 : 0)
    }

    /// curl copies the text.
    mutating func set(_ option: CURLoption, _ value: String?) {
        record(farebox_easy_set_text(pointer, option, value))
    }

    mutating func set(_ option: CURLoption, _ value: UnsafeMutableRawPointer?) {
        record(farebox_easy_set_pointer(pointer, option, value))
    }

    /// curl keeps the pointer.
    mutating func set(_ option: CURLoption, context: AnyObject) {
        set(option, Unmanaged.passUnretained(context).toOpaque())
    }

    mutating func set(_ option: CURLoption, _ callback: @escaping curl_write_callback) {
        record(farebox_easy_set_data(pointer, option, callback))
    }

    /// curl keeps the list.
    mutating func setFields(_ list: UnsafeMutablePointer<curl_slist>?) {
        record(farebox_easy_set_list(pointer, CURLOPT_HTTPHEADER, list))
    }

    /// curl keeps the pointer.
    mutating func setBody(_ body: UnsafeRawBufferPointer) {
        record(
            farebox_easy_set_offset(
                pointer,
                CURLOPT_POSTFIELDSIZE_LARGE,
                curl_off_t(body.count)
            )
        )
        record(farebox_easy_set_pointer(pointer, CURLOPT_POSTFIELDS, body.baseAddress))
    }

    private mutating func record(_ code: CURLcode) {
        if failure == CURLE_OK { failure = code }
    }
}

// MARK: What a handle is configured with once

extension OptionWriter {
    mutating func configure(
        for target: HandleTarget,
        url: OpaquePointer,
        _ configuration: CurlConfiguration,
        _ multi: MultiHandle
    ) {
        setCallbacks()
        setRequest(target, url)
        setConnection(configuration, multi)
        setSecurity(target, configuration)
        if target.hasOwnConnection {
            record(farebox_easy_set_open_socket(pointer, transferOpenSocket))
            set(CURLOPT_FRESH_CONNECT, true)
            set(CURLOPT_FORBID_REUSE, true)
        }
    }

    private mutating func setCallbacks() {
        set(CURLOPT_NOSIGNAL, true)
        record(farebox_easy_set_prerequest(pointer, transferConnectionReady))
        set(CURLOPT_HEADERFUNCTION, transferHeadLine)
        set(CURLOPT_WRITEFUNCTION, transferBody)
    }

    private mutating func setRequest(_ target: HandleTarget, _ url: OpaquePointer) {
        set(CURLOPT_PROTOCOLS_STR, "http,https")
        set(CURLOPT_CURLU, UnsafeMutableRawPointer(url))
        set(CURLOPT_BUFFERSIZE, target.readBytesMax)
        if target.sendsBody {
            set(CURLOPT_POST, true)
        } else if target.method == "HEAD" {
            set(CURLOPT_NOBODY, true)
        }
        set(CURLOPT_CUSTOMREQUEST, target.method)
        set(CURLOPT_FOLLOWLOCATION, false)
        set(CURLOPT_HTTP09_ALLOWED, false)
    }

    private mutating func setConnection(
        _ configuration: CurlConfiguration,
        _ multi: MultiHandle
    ) {
        // An empty proxy overrides those of the environment.
        set(CURLOPT_PROXY, "")
        set(CURLOPT_DNS_CACHE_TIMEOUT, seconds(configuration.addressLifetime))
        set(CURLOPT_MAXAGE_CONN, seconds(configuration.connectionIdleMax))
        set(CURLOPT_TCP_KEEPALIVE, true)
        // Without it, ending a transfer that looks a name up joins the thread that does so.
        set(CURLOPT_QUICK_EXIT, true)
        record(farebox_easy_set_socket_option(pointer, socketOpened))
        set(CURLOPT_SOCKOPTDATA, context: multi.sockets)
        record(farebox_easy_set_close_socket(pointer, socketCloses))
        set(CURLOPT_CLOSESOCKETDATA, context: multi.sockets)
    }

    private mutating func setSecurity(
        _ target: HandleTarget,
        _ configuration: CurlConfiguration
    ) {
        guard target.isSecure else {
            set(CURLOPT_HTTP_VERSION, CURL_HTTP_VERSION_1_1)
            return
        }
        set(CURLOPT_SSL_VERIFYPEER, true)
        set(CURLOPT_SSL_VERIFYHOST, 2)
        set(CURLOPT_SSLVERSION, CURL_SSLVERSION_TLSv1_2)
        if let caFile = target.caFile {
            set(CURLOPT_CAINFO, caFile)
            set(CURLOPT_CAPATH, nil as String?)
        }
        if configuration.offersHTTP2 {
            set(CURLOPT_HTTP_VERSION, CURL_HTTP_VERSION_2TLS)
            set(CURLOPT_PIPEWAIT, true)
        } else {
            set(CURLOPT_HTTP_VERSION, CURL_HTTP_VERSION_1_1)
        }
    }
}

private func seconds(_ duration: Duration) -> Int {
    max(1, Int(clamping: duration.components.seconds))
}
