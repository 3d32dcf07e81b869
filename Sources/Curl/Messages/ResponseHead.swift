/// Status and fields of a final response.
struct ResponseHead {
    /// How the end of the body is told, if the response has one (RFC 9112 §6.3).
    enum Framing: Equatable {
        case length(Int)
        case chunked
        case untilClose
    }

    var status: Int
    var fields = ResponseFields()
    var framing = Framing.untilClose
    /// Whether the upstream may be sent another request on the connection.
    var keepsConnection = false
}

/// Reads the lines of response heads, one call a line.
///
/// Interim heads (1xx) are read and dropped. What could mean two things to two readers is refused:
/// folded fields, control characters in values, contradicting or doubled framing.
struct HeadParser {
    private let bytesMax: Int
    private let fieldCountMax: Int
    private var byteCount = 0
    private var status: Int?
    private var fields = ResponseFields()
    private var contentLength: Int?
    private var hasTransferEncoding = false
    private var isVersion11 = false
    private var saysClose = false

    init(bytesMax: Int, fieldCountMax: Int) {
        self.bytesMax = bytesMax
        self.fieldCountMax = fieldCountMax
    }

    /// Takes a line that lies in the input.
    mutating func take(
        _ input: UnsafeRawBufferPointer,
        _ range: Range<Int>
    ) throws(CurlError) -> ResponseHead? {
        try take(UnsafeRawBufferPointer(rebasing: input[range]))
    }

    mutating func take(_ line: [UInt8]) throws(CurlError) -> ResponseHead? {
        try line.withUnsafeBufferPointer { line throws(CurlError) in
            try take(UnsafeRawBufferPointer(line))
        }
    }

    /// Takes a line with its line end; returns the head when it ends a final one.
    mutating func take(_ line: UnsafeRawBufferPointer) throws(CurlError) -> ResponseHead? {
        try count(line.count)
        let text = UnsafeRawBufferPointer(rebasing: trimmingLineEnd(line))
        guard let status else {
            status = try statusCode(text)
            isVersion11 = text[7] == UInt8(ascii: "1")
            return nil
        }
        guard text.isEmpty else {
            try takeField(text)
            return nil
        }
        if status < 200 {
            if status == 101 { throw .violation("the upstream switched protocols unasked") }
            startOver()
            return nil
        }
        defer { startOver() }
        return ResponseHead(
            status: status,
            fields: fields,
            framing: hasTransferEncoding
                ? .chunked : contentLength.map { .length($0) } ?? .untilClose,
            keepsConnection: isVersion11 && !saysClose
        )
    }

    /// Counts bytes that belong to no head but to the same limit: trailers.
    mutating func count(_ bytes: Int) throws(CurlError) {
        byteCount += bytes
        if byteCount > bytesMax { throw .headTooLarge }
    }

    private mutating func startOver() {
        status = nil
        fields = ResponseFields()
        contentLength = nil
        hasTransferEncoding = false
        saysClose = false
    }

    private mutating func takeField(_ text: UnsafeRawBufferPointer) throws(CurlError) {
        if fields.count == fieldCountMax {
            throw CurlError(.headTooLarge, detail: "the response head has too many fields")
        }
        // Rebased, because a slice of a slice is slow to walk.
        guard let colon = text.firstIndex(of: UInt8(ascii: ":")), colon > 0 else {
            throw .violation("a response field has no proper name")
        }
        let name = UnsafeRawBufferPointer(rebasing: text[..<colon])
        guard name.allSatisfy(isTokenByte) else {
            throw .violation("a response field has no proper name")
        }
        let value = UnsafeRawBufferPointer(rebasing: trimmingBlanks(text[(colon + 1)...]))
        guard value.allSatisfy(isFieldValueByte) else {
            throw .violation("a response field holds a control character")
        }
        try checkFraming(name, value)
        fields.append(name: name, value: value)
    }

    /// Notes what frames the body, and refuses what makes its end a matter of opinion.
    private mutating func checkFraming(
        _ name: UnsafeRawBufferPointer,
        _ value: UnsafeRawBufferPointer
    ) throws(CurlError) {
        switch name.count {
        case 14 where isSame(name, "content-length"):
            if contentLength != nil { throw .violation("the response has two content-lengths") }
            contentLength = try length(value)
        case 17 where isSame(name, "transfer-encoding"):
            if hasTransferEncoding || !isSame(value, "chunked") {
                throw .violation("the response's transfer-encoding is not chunked alone")
            }
            hasTransferEncoding = true
        case 10 where isSame(name, "connection"):
            // One word too many costs a connection, one too few a call.
            let words = String(decoding: value, as: UTF8.self).lowercased()
            saysClose = saysClose || words.contains("close")
        default: break
        }
        if contentLength != nil && hasTransferEncoding {
            throw .violation("the response has a content-length and a transfer-encoding")
        }
    }
}

private func length(_ text: UnsafeRawBufferPointer) throws(CurlError) -> Int {
    let refusal = CurlError.violation("the response's content-length is not a number")
    // As many digits as surely fit.
    guard 1...18 ~= text.count else { throw refusal }
    var length = 0
    for byte in text {
        guard 0x30...0x39 ~= byte else { throw refusal }
        length = length * 10 + Int(byte - 0x30)
    }
    return length
}

/// Reads `HTTP/1.x nnn[ reason]`.
private func statusCode(_ text: UnsafeRawBufferPointer) throws(CurlError) -> Int {
    let refusal = CurlError.violation("the response does not begin with a status line")
    guard text.count >= 12, text.starts(with: "HTTP/1.".utf8), 0x30...0x39 ~= text[7],
        text[8] == UInt8(ascii: " ")
    else { throw refusal }
    let digits = text[9...].prefix(3)
    let rest = text[12...]
    guard digits.count == 3, digits.allSatisfy({ 0x30...0x39 ~= $0 }),
        rest.isEmpty || rest.first == UInt8(ascii: " ")
    else { throw refusal }
    let status = digits.reduce(0) { $0 * 10 + Int($1 - 0x30) }
    guard status >= 100 else { throw refusal }
    return status
}

private func trimmingLineEnd(_ line: UnsafeRawBufferPointer) -> Slice<UnsafeRawBufferPointer> {
    var end = line.endIndex
    if end > 0, line[end - 1] == UInt8(ascii: "\n") { end -= 1 }
    if end > 0, line[end - 1] == UInt8(ascii: "\r") { end -= 1 }
    return line[..<end]
}

private func trimmingBlanks(
    _ text: Slice<UnsafeRawBufferPointer>
) -> Slice<UnsafeRawBufferPointer> {
    var text = text
    while let first = text.first, first == 0x20 || first == 0x09 { text = text.dropFirst() }
    while let last = text.last, last == 0x20 || last == 0x09 { text = text.dropLast() }
    return text
}
