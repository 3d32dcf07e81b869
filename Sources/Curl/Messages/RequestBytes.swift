/// A request as it goes over the wire.
struct RequestBytes {
    /// A body up to this size leaves with its head in one write.
    private static let joinedBodyBytesMax = 16_384

    /// The head, and behind it a small body.
    let head: [UInt8]
    /// A large body; empty otherwise.
    let body: [UInt8]

    var count: Int { head.count + body.count }

    init(_ request: CurlRequest, to target: Target, userAgent: String) {
        let isJoined = request.body.count <= Self.joinedBodyBytesMax
        var writer = HeadWriter(
            byteCount: request.method.utf8.count + target.line.count + userAgent.utf8.count + 96
                + request.fields.reduce(0) { $0 + $1.name.utf8.count + $1.value.utf8.count + 4 }
                + (isJoined ? request.body.count : 0)
        )
        writer.add(request.method)
        writer.bytes += target.line
        writer.addFields(of: request, userAgent: userAgent)
        writer.add("\r\n")
        if isJoined { writer.bytes += request.body }
        head = writer.bytes
        body = isJoined ? [] : request.body
    }
}

private struct HeadWriter {
    var bytes: [UInt8] = []

    init(byteCount: Int) {
        bytes.reserveCapacity(byteCount)
    }

    mutating func addFields(of request: CurlRequest, userAgent: String) {
        var hasAcceptEncoding = false
        var hasUserAgent = false
        for (name, value) in request.fields {
            add(name, value)
            switch name.utf8.count {
            case 10 where isSame(name, "user-agent"): hasUserAgent = true
            case 15 where isSame(name, "accept-encoding"): hasAcceptEncoding = true
            default: break
            }
        }
        if !hasAcceptEncoding { add("accept-encoding: identity\r\n") }
        if !hasUserAgent { add("user-agent", userAgent) }
        if request.sendsBody { add("content-length", String(request.body.count)) }
    }

    mutating func add(_ name: String, _ value: String) {
        add(name)
        add(value.isEmpty ? ":" : ": ")
        add(value)
        add("\r\n")
    }

    mutating func add(_ text: String) {
        var text = text
        text.withUTF8 { bytes.append(contentsOf: $0) }
    }
}
