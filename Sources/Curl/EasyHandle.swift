import CCurl

/// What decides the options of an easy handle that stay from one transfer to the next.
struct HandleTarget: Equatable {
    let url: String
    let method: String
    let sendsBody: Bool
    let caFile: String?
    /// Whether its connection is nobody else's, because its addresses are asked about.
    let hasOwnConnection: Bool
    let readBytesMax: Int

    init(_ request: CurlRequest) {
        url = request.url
        method = request.method
        sendsBody = request.sendsBody
        caFile = request.caFile
        hasOwnConnection = request.admits != nil
        readBytesMax = request.readBytesMax
    }

    var isSecure: Bool { url.utf8.starts(with: "https://".utf8) }
}

/// One of curl's easy handles: the options of one target, and the state of one transfer at a time.
final class EasyHandle {
    let pointer: UnsafeMutableRawPointer
    let target: HandleTarget
    /// The target's URL, parsed once; curl reads it as long as it has the handle.
    private let url: OpaquePointer

    init(
        _ target: HandleTarget,
        configuration: CurlConfiguration,
        multi: MultiHandle
    ) throws(CurlError) {
        let url = try parse(target.url)
        guard let pointer = curl_easy_init() else {
            curl_url_cleanup(url)
            throw .noMemory("curl has no memory for an easy handle")
        }
        self.pointer = pointer
        self.target = target
        self.url = url
        var options = OptionWriter(pointer)
        options.configure(for: target, url: url, configuration, multi)
        guard options.failure == CURLE_OK else {
            free()
            throw CurlError(notSet: options.failure, of: target)
        }
    }

    /// Sets all that is one transfer's: who is called back, its fields, its body, its patience.
    func prepare(for transfer: Transfer, connectTimeout: Duration) throws(CurlError) {
        var options = OptionWriter(pointer)
        options.set(CURLOPT_PREREQDATA, context: transfer)
        options.set(CURLOPT_HEADERDATA, context: transfer)
        options.set(CURLOPT_WRITEDATA, context: transfer)
        if target.hasOwnConnection { options.set(CURLOPT_OPENSOCKETDATA, context: transfer) }
        options.set(CURLOPT_CONNECTTIMEOUT_MS, milliseconds(connectTimeout))
        options.setFields(transfer.bytes.fields)
        if target.sendsBody { options.setBody(transfer.bytes.body) }
        guard options.failure == CURLE_OK else {
            throw CurlError(notSet: options.failure, of: target)
        }
    }

    /// Takes back what was one transfer's, so that none of it can be in another's request.
    ///
    /// - Returns: false when the handle remembers more of it and must not be used again.
    func forget() -> Bool {
        var options = OptionWriter(pointer)
        options.setFields(nil)
        if target.sendsBody { options.setBody(UnsafeRawBufferPointer(start: nil, count: 0)) }
        options.set(CURLOPT_PREREQDATA, nil as UnsafeMutableRawPointer?)
        options.set(CURLOPT_HEADERDATA, nil as UnsafeMutableRawPointer?)
        options.set(CURLOPT_WRITEDATA, nil as UnsafeMutableRawPointer?)
        if target.hasOwnConnection {
            options.set(CURLOPT_OPENSOCKETDATA, nil as UnsafeMutableRawPointer?)
        }
        // curl keeps the last `errno`, which would explain another transfer's failure wrongly.
        return options.failure == CURLE_OK && information(CURLINFO_OS_ERRNO) == 0
    }

    /// A `long` that curl knows about the transfer; 0 when it knows none.
    func information(_ information: CURLINFO) -> Int {
        var value = 0
        return farebox_easy_get_long(pointer, information, &value) == CURLE_OK ? value : 0
    }

    /// Ends a handle that belongs to no multi handle any more.
    func free() {
        curl_easy_cleanup(pointer)
        curl_url_cleanup(url)
    }
}

/// Idle easy handles, each with its target's options.
///
/// Making and configuring a handle costs as much as the transfer itself. What a pooled handle
/// keeps says nothing of any one request: fields, and with them credentials, are set for each
/// transfer and taken back after it.
struct HandlePool {
    private var idle: [EasyHandle] = []
    private let countMax: Int

    init(countMax: Int) {
        self.countMax = countMax
    }

    /// A handle with the target's options; nil when there is none.
    mutating func take(for target: HandleTarget) -> EasyHandle? {
        // The last one put is most often the one: a loop's transfers have few targets.
        guard let index = idle.lastIndex(where: { $0.target == target }) else { return nil }
        return idle.remove(at: index)
    }

    /// Takes back a handle whose transfer was complete and has left the multi handle.
    mutating func put(_ handle: EasyHandle) {
        guard handle.forget(), countMax > 0 else { return handle.free() }
        if idle.count >= countMax { idle.removeFirst().free() }
        idle.append(handle)
    }

    mutating func removeAll() {
        for handle in idle { handle.free() }
        idle = []
    }
}

private func parse(_ url: String) throws(CurlError) -> OpaquePointer {
    guard let handle = curl_url() else { throw .noMemory("curl has no memory for a URL") }
    let flags = UInt32(CURLU_DISALLOW_USER | CURLU_PATH_AS_IS)
    let result = curl_url_set(handle, CURLUPART_URL, url, flags)
    guard result == CURLUE_OK else {
        curl_url_cleanup(handle)
        if result == CURLUE_OUT_OF_MEMORY { throw .noMemory("curl has no memory for a URL") }
        throw CurlError(
            .invalidRequest,
            isRetrySafe: true,
            detail: String(cString: curl_url_strerror(result))
        )
    }
    return handle
}

/// Whole milliseconds, at least one: curl takes zero for its own default.
private func milliseconds(_ duration: Duration) -> Int {
    let (seconds, attoseconds) = duration.components
    return max(1, Int(clamping: seconds) * 1_000 + Int(attoseconds / 1_000_000_000_000_000))
}

extension CurlError {
    fileprivate static func noMemory(_ detail: String) -> CurlError {
        CurlError(.resources, isRetrySafe: true, detail: detail)
    }

    /// An option that curl refused.
    fileprivate init(notSet code: CURLcode, of target: HandleTarget) {
        self.init(
            code,
            systemCode: 0,
            phase: .connecting,
            didSend: false,
            isSecure: target.isSecure
        )
    }
}
