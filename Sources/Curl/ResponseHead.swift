/// Status and fields of a final response.
struct ResponseHead {
    var status: Int
    /// Names lower-cased, in order of arrival.
    var fields: [(name: String, value: String)]
}

/// Reads the lines of response heads as curl hands them over, one call a line.
///
/// Interim heads (1xx) are read and dropped. What could mean two things to two readers is refused:
/// folded fields, control characters in values, contradicting or doubled framing.
struct HeadParser {
    private let bytesMax: Int
    private let fieldCountMax: Int
    private var byteCount = 0
    private var status: Int?
    private var fields: [(name: String, value: String)] = []
    private var contentLength: String?
    private var hasTransferEncoding = false

    init(bytesMax: Int, fieldCountMax: Int) {
        self.bytesMax = bytesMax
        self.fieldCountMax = fieldCountMax
    }

    /// Takes a line with its line end; returns the head when it ends a final one.
    mutating func take(_ line: UnsafeRawBufferPointer) throws(CurlError) -> ResponseHead? {
        try count(line.count)
        let text = UnsafeRawBufferPointer(rebasing: trimmingLineEnd(line))
        guard let status else {
            status = try statusCode(text)
            fields.reserveCapacity(12)
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
        return ResponseHead(status: status, fields: fields)
    }

    /// Counts bytes that belong to no head but to the same limit: trailers.
    mutating func count(_ bytes: Int) throws(CurlError) {
        byteCount += bytes
        if byteCount > bytesMax {
            throw CurlError(.headTooLarge, detail: "the response head has too many bytes")
        }
    }

    private mutating func startOver() {
        status = nil
        fields = []
        contentLength = nil
        hasTransferEncoding = false
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
        let field = (name: lowerCased(name), value: String(decoding: value, as: UTF8.self))
        try checkFraming(field.name, field.value)
        fields.append(field)
    }

    /// Refuses what makes the end of the body a matter of opinion.
    private mutating func checkFraming(_ name: String, _ value: String) throws(CurlError) {
        if name == "content-length" {
            if value.utf8.isEmpty || !value.utf8.allSatisfy({ 0x30...0x39 ~= $0 }) {
                throw .violation("the response's content-length is not a number")
            }
            if contentLength != nil { throw .violation("the response has two content-lengths") }
            contentLength = value
        } else if name == "transfer-encoding" {
            if hasTransferEncoding || value.lowercased() != "chunked" {
                throw .violation("the response's transfer-encoding is not chunked alone")
            }
            hasTransferEncoding = true
        } else {
            return
        }
        if contentLength != nil && hasTransferEncoding {
            throw .violation("the response has a content-length and a transfer-encoding")
        }
    }
}

/// Reads `HTTP/x[.y] nnn[ reason]`.
private func statusCode(_ text: UnsafeRawBufferPointer) throws(CurlError) -> Int {
    let refusal = CurlError.violation("the response does not begin with a status line")
    guard text.count >= 10, text.starts(with: "HTTP/".utf8),
        let space = text.firstIndex(of: UInt8(ascii: " ")), space <= 8
    else { throw refusal }
    let digits = text[(space + 1)...].prefix(3)
    let rest = text[(space + 1)...].dropFirst(3)
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

private func lowerCased(_ text: UnsafeRawBufferPointer) -> String {
    String(unsafeUninitializedCapacity: text.count) { buffer in
        for index in 0..<text.count {
            let byte = text[index]
            buffer[index] = 0x41...0x5a ~= byte ? byte | 0x20 : byte
        }
        return text.count
    }
}
