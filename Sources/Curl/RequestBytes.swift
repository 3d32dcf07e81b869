import CCurl

/// A request's fields as the linked list that curl reads, and its body, in one allocation.
///
/// curl neither copies nor changes them: they live until the transfer has left its handle.
struct RequestBytes: ~Copyable {
    let fields: UnsafeMutablePointer<curl_slist>
    let body: UnsafeRawBufferPointer
    private let storage: UnsafeMutableRawPointer

    /// Lays out the fields and the body, and what keeps curl from adding fields of its own.
    init(_ request: CurlRequest, userAgent: String) {
        var nodeCount = 0
        var byteCount = request.body.count
        forEachLine(of: request, userAgent) { name, value in
            nodeCount += 1
            byteCount += name.utf8.count + (value?.utf8.count ?? 0) + 3
        }
        byteCount += nodeCount * MemoryLayout<curl_slist>.stride
        storage = .allocate(
            byteCount: byteCount,
            alignment: MemoryLayout<curl_slist>.alignment
        )
        var writer = LineWriter(storage, nodeCount: nodeCount)
        forEachLine(of: request, userAgent) { name, value in writer.write(name, value) }
        fields = writer.finish()
        let start = UnsafeMutableRawPointer(writer.text)
        request.body.withUnsafeBytes { bytes in
            if let source = bytes.baseAddress {
                start.copyMemory(from: source, byteCount: bytes.count)
            }
        }
        // With an address also when it is empty, for without one curl takes it for none at all.
        body = UnsafeRawBufferPointer(start: start, count: request.body.count)
    }

    deinit {
        storage.deallocate()
    }
}

/// Calls the body with each field's name and value; without a value for those that curl, which
/// would add them itself, is kept from sending.
private func forEachLine(
    of request: CurlRequest,
    _ userAgent: String,
    _ body: (_ name: String, _ value: String?) -> Void
) {
    var hasAccept = false
    var hasAcceptEncoding = false
    var hasContentType = false
    var hasUserAgent = false
    for (name, value) in request.fields {
        body(name, value)
        switch name.utf8.count {
        case 6 where isSame(name, "accept"): hasAccept = true
        case 10 where isSame(name, "user-agent"): hasUserAgent = true
        case 12 where isSame(name, "content-type"): hasContentType = true
        case 15 where isSame(name, "accept-encoding"): hasAcceptEncoding = true
        default: break
        }
    }
    if !hasAcceptEncoding { body("accept-encoding", "identity") }
    if !hasUserAgent { body("user-agent", userAgent) }
    if !hasAccept { body("Accept", nil) }
    if request.sendsBody && !hasContentType { body("Content-Type", nil) }
    body("Expect", nil)
}

/// Writes nodes and, behind them, the lines that they point to.
private struct LineWriter {
    private(set) var text: UnsafeMutablePointer<UInt8>
    private let first: UnsafeMutablePointer<curl_slist>
    private var next: UnsafeMutablePointer<curl_slist>

    init(_ storage: UnsafeMutableRawPointer, nodeCount: Int) {
        first = storage.bindMemory(to: curl_slist.self, capacity: nodeCount)
        next = first
        text = (storage + nodeCount * MemoryLayout<curl_slist>.stride)
            .assumingMemoryBound(to: UInt8.self)
    }

    /// - Parameter value: nil for a field that curl is not to send.
    mutating func write(_ name: String, _ value: String?) {
        let line = UnsafeMutableRawPointer(text).assumingMemoryBound(to: CChar.self)
        write(name)
        if let value {
            // "name;" is how curl is told to send a field whose value is empty.
            write(value.isEmpty ? ";" : ": ")
            write(value)
        } else {
            write(":")
        }
        text.initialize(to: 0)
        text += 1
        next.initialize(to: curl_slist(data: line, next: next + 1))
        next += 1
    }

    /// Ends the list, which is never empty.
    func finish() -> UnsafeMutablePointer<curl_slist> {
        (next - 1).pointee.next = nil
        return first
    }

    private mutating func write(_ string: String) {
        var string = string
        text += string.withUTF8 { bytes in
            if let start = bytes.baseAddress { text.initialize(from: start, count: bytes.count) }
            return bytes.count
        }
    }
}
