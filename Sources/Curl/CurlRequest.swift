/// One HTTP request to an upstream.
package struct CurlRequest: Sendable {
    /// An upper-case method token, such as `POST`.
    package var method: String
    /// An absolute `http://` or `https://` URL without credentials and without a fragment.
    package var url: String
    /// Fields in order; those of framing and connection belong to the transfer and are refused.
    package var fields: [(name: String, value: String)]
    /// The whole body; empty sends none, except that POST, PUT and PATCH say `content-length: 0`.
    package var body: [UInt8]
    package var timeouts: CurlTimeouts
    /// A PEM file that replaces the system's certificate authorities for this request.
    package var caFile: String?
    /// Where reading from the upstream pauses until `CurlResponse.next()` takes what is buffered.
    ///
    /// One read of curl's is taken even when it alone is larger.
    package var bufferBytesMax: Int
    /// How much curl reads at once, from 1 KiB to 512 KiB: it keeps memory of this size for as long
    /// as the transfer runs.
    package var readBytesMax = 16_384
    /// Asked for each address before a connection to it is made; nil admits all.
    ///
    /// Such a request has a connection of its own, which nobody else reuses.
    package var admits: (@Sendable (_ address: CurlAddress) -> Bool)?

    package init(
        method: String,
        url: String,
        fields: [(name: String, value: String)] = [],
        body: [UInt8] = [],
        timeouts: CurlTimeouts = CurlTimeouts(),
        caFile: String? = nil,
        bufferBytesMax: Int = 65_536
    ) {
        self.method = method
        self.url = url
        self.fields = fields
        self.body = body
        self.timeouts = timeouts
        self.caFile = caFile
        self.bufferBytesMax = bufferBytesMax
    }
}

/// The bytes of an IPv4 (4) or IPv6 (16) address, in network order.
package struct CurlAddress: Hashable, Sendable {
    package let bytes: [UInt8]
}

/// How long a transfer may take, part by part; nil waits without end.
package struct CurlTimeouts: Hashable, Sendable {
    /// From `send` to a usable connection: waiting for one, name lookup, TCP and TLS.
    package var connect: Duration
    /// From a usable connection to the end of the response head; interim heads do not end it.
    package var firstByte: Duration?
    /// Between two reads of the body, not counted while the reader's slowness pauses the transfer.
    package var idle: Duration?
    /// From `send` to the last byte received.
    package var total: Duration?

    package init(
        connect: Duration = .seconds(10),
        firstByte: Duration? = .seconds(120),
        idle: Duration? = .seconds(120),
        total: Duration? = nil
    ) {
        self.connect = connect
        self.firstByte = firstByte
        self.idle = idle
        self.total = total
    }
}

extension CurlRequest {
    /// Whether sending it twice means no more than sending it once (RFC 9110 §9.2.2).
    var isIdempotent: Bool {
        switch method {
        case "GET", "HEAD", "OPTIONS", "PUT", "DELETE", "TRACE": true
        default: false
        }
    }

    /// Whether a body is announced, be it empty.
    var sendsBody: Bool {
        !body.isEmpty || method == "POST" || method == "PUT" || method == "PATCH"
    }

    var isSecure: Bool { url.utf8.starts(with: "https://".utf8) }

    /// What makes the request unfit to be sent, in words that quote nothing of it; nil when fit.
    var flaw: String? {
        if !all(method, { 0x41...0x5a ~= $0 }) || method.isEmpty {
            return "the method is not a word of upper-case letters"
        }
        if !isSecure && !url.utf8.starts(with: "http://".utf8) {
            return "the URL starts with neither http:// nor https://"
        }
        if !all(url, { 0x21...0x7e ~= $0 && $0 != UInt8(ascii: "#") }) {
            return "the URL holds a byte that must be percent-encoded, or a fragment"
        }
        for (name, value) in fields {
            if let flaw = fieldFlaw(name, value) { return flaw }
        }
        if bufferBytesMax <= 0 { return "the buffer has no room" }
        if !(1_024...524_288).contains(readBytesMax) { return "curl cannot read so much at once" }
        if timeouts.connect <= .zero { return "the connect timeout is not positive" }
        return nil
    }
}

/// Fields that curl or this module decides, because framing and reuse hang on them.
private let reservedNames: [StaticString] = [
    "connection", "content-length", "expect", "keep-alive", "proxy-connection", "te", "trailer",
    "transfer-encoding", "upgrade",
]

private func fieldFlaw(_ name: String, _ value: String) -> String? {
    if name.isEmpty || !all(name, isTokenByte) {
        return "a field name is not a token"
    }
    if !all(value, isFieldValueByte) {
        return "a field value holds a control character"
    }
    if reservedNames.contains(where: { isSame(name, $0) }) {
        return "a field is reserved to the transfer"
    }
    return nil
}

/// Whether a name is this lower-case one, in any case.
func isSame(_ name: String, _ lowerCase: StaticString) -> Bool {
    guard name.utf8.count == lowerCase.utf8CodeUnitCount else { return false }
    var name = name
    return name.withUTF8 { bytes in
        bytes.indices.allSatisfy { bytes[$0] | 0x20 == lowerCase.utf8Start[$0] | 0x20 }
    }
}

/// Whether every byte answers; over contiguous bytes, which a string's view is not to a loop.
private func all(_ text: String, _ answers: (UInt8) -> Bool) -> Bool {
    var text = text
    return text.withUTF8 { $0.allSatisfy(answers) }
}

/// Whether the byte may stand in a field name or method (RFC 9110 §5.6.2).
func isTokenByte(_ byte: UInt8) -> Bool {
    switch byte {
    case UInt8(ascii: "a")...UInt8(ascii: "z"), UInt8(ascii: "A")...UInt8(ascii: "Z"),
        UInt8(ascii: "0")...UInt8(ascii: "9"):
        true
    case UInt8(ascii: "!"), UInt8(ascii: "#"), UInt8(ascii: "$"), UInt8(ascii: "%"),
        UInt8(ascii: "&"), UInt8(ascii: "'"), UInt8(ascii: "*"), UInt8(ascii: "+"),
        UInt8(ascii: "-"), UInt8(ascii: "."), UInt8(ascii: "^"), UInt8(ascii: "_"),
        UInt8(ascii: "`"), UInt8(ascii: "|"), UInt8(ascii: "~"):
        true
    default: false
    }
}

/// Whether the byte may stand in a field value: no control character but the tab.
func isFieldValueByte(_ byte: UInt8) -> Bool {
    byte >= 0x20 && byte != 0x7f || byte == 0x09
}
