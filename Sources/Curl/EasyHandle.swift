import CCurl

/// One of curl's easy handles: the options and the state of one transfer at a time.
struct EasyHandle: Hashable {
    let pointer: UnsafeMutableRawPointer

    /// A `long` that curl knows about the transfer; 0 when it knows none.
    func information(_ information: CURLINFO) -> Int {
        var value = 0
        return farebox_easy_get_long(pointer, information, &value) == CURLE_OK ? value : 0
    }
}

/// Idle easy handles, kept because making one costs more than resetting it.
///
/// Every handle is reset between transfers: a handle kept configured would save a microsecond and
/// one day send somebody else's `authorization`.
struct HandlePool {
    private var idle: [EasyHandle] = []
    private let countMax: Int

    init(countMax: Int) {
        self.countMax = countMax
    }

    /// A handle without options; nil when memory ran out.
    mutating func take() -> EasyHandle? {
        idle.popLast() ?? curl_easy_init().map(EasyHandle.init(pointer:))
    }

    /// Takes back a handle that belongs to no multi handle any more.
    mutating func put(_ handle: EasyHandle) {
        curl_easy_reset(handle.pointer)
        if idle.count < countMax {
            idle.append(handle)
        } else {
            curl_easy_cleanup(handle.pointer)
        }
    }

    mutating func removeAll() {
        for handle in idle { curl_easy_cleanup(handle.pointer) }
        idle = []
    }
}

/// Sets options one after another and remembers the first failure.
struct OptionWriter {
    let handle: EasyHandle
    private(set) var failure = CURLE_OK

    init(_ handle: EasyHandle) {
        self.handle = handle
    }

    mutating func set(_ option: CURLoption, _ value: Int) {
        record(farebox_easy_set_long(handle.pointer, option, value))
    }

    mutating func set(_ option: CURLoption, _ value: Bool) {
        set(option, value ? 1 : 0)
    }

    /// curl copies the text.
    mutating func set(_ option: CURLoption, _ value: String?) {
        record(farebox_easy_set_text(handle.pointer, option, value))
    }

    mutating func set(_ option: CURLoption, _ value: UnsafeMutableRawPointer?) {
        record(farebox_easy_set_pointer(handle.pointer, option, value))
    }

    /// curl keeps the pointer.
    mutating func set(_ option: CURLoption, context: AnyObject) {
        record(
            farebox_easy_set_pointer(
                handle.pointer,
                option,
                Unmanaged.passUnretained(context).toOpaque()
            )
        )
    }

    mutating func set(_ option: CURLoption, _ callback: @escaping curl_write_callback) {
        record(farebox_easy_set_data(handle.pointer, option, callback))
    }

    mutating func setPrerequest(_ callback: @escaping curl_prereq_callback) {
        record(farebox_easy_set_prerequest(handle.pointer, callback))
    }

    mutating func setSocketOption(_ callback: @escaping curl_sockopt_callback) {
        record(farebox_easy_set_socket_option(handle.pointer, callback))
    }

    mutating func setOpenSocket(_ callback: @escaping curl_opensocket_callback) {
        record(farebox_easy_set_open_socket(handle.pointer, callback))
    }

    /// curl keeps the list.
    mutating func setFields(_ list: UnsafeMutablePointer<curl_slist>) {
        record(farebox_easy_set_list(handle.pointer, CURLOPT_HTTPHEADER, list))
    }

    /// curl copies the bytes into the handle, where `curl_easy_reset` frees them.
    mutating func setBody(_ body: [UInt8]) {
        record(
            farebox_easy_set_offset(
                handle.pointer,
                CURLOPT_POSTFIELDSIZE_LARGE,
                curl_off_t(body.count)
            )
        )
        body.withUnsafeBytes { bytes in
            // An empty array may have no address, which curl would take for "no body at all".
            let start = bytes.baseAddress ?? UnsafeRawPointer(handle.pointer)
            record(farebox_easy_set_pointer(handle.pointer, CURLOPT_COPYPOSTFIELDS, start))
        }
    }

    private mutating func record(_ code: CURLcode) {
        if failure == CURLE_OK { failure = code }
    }
}
