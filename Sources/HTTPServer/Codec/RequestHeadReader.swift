/// Builds a head from its lines and decides how its body is framed.
struct RequestHeadReader: Sendable {
    private(set) var head = RequestHead()
    private var hostCount = 0
    private var contentLength: Int?
    private var isChunked = false
    private var mustClose = false
    private var mayKeepAlive = false

    mutating func readRequestLine(_ line: Span<UInt8>) throws(RequestViolation) {
        try RequestLine.parse(line, into: &head)
        head.fields.reserve(byteCount: 512)
    }

    mutating func readField(
        _ line: Span<UInt8>,
        _ limits: RequestParser.Limits
    ) throws(RequestViolation) {
        guard head.fields.count < limits.fieldCountMax else { throw .tooManyFields }
        let colon = try FieldLine.colon(in: line)
        let name = line.extracting(0..<colon)
        let value = line.extracting(colon + 1..<line.count)
        guard head.fields.append(name: name, value: value) else {
            throw .malformed("A field is malformed.")
        }
        try interpret(name, value.extracting(FieldSyntax.trimmed(value)), limits)
    }

    /// Takes note of the fields that concern the connection.
    private mutating func interpret(
        _ name: Span<UInt8>,
        _ value: Span<UInt8>,
        _ limits: RequestParser.Limits
    ) throws(RequestViolation) {
        switch name.count {
        case 4 where FieldSyntax.equals(name, "host"):
            hostCount += 1
            guard hostCount == 1, Self.isHost(value) else {
                throw .malformed("The Host field is malformed or repeated.")
            }
        case 6 where FieldSyntax.equals(name, "expect"):
            guard FieldSyntax.equals(value, "100-continue") else { throw .expectationFailed }
            head.expectsContinue = true
        case 10 where FieldSyntax.equals(name, "connection"):
            readConnectionOptions(value)
        case 14 where FieldSyntax.equals(name, "content-length"):
            guard contentLength == nil else { throw .malformed("Content-Length is repeated.") }
            contentLength = try Self.length(value, limits)
        case 17 where FieldSyntax.equals(name, "transfer-encoding"):
            guard !isChunked, FieldSyntax.equals(value, "chunked") else {
                throw .malformed("The only transfer coding taken is chunked, once.")
            }
            isChunked = true
        default: break
        }
    }

    /// A host with or without port: one look at the characters, since nothing is routed by it.
    private static func isHost(_ value: Span<UInt8>) -> Bool {
        guard !value.isEmpty else { return false }
        for index in value.indices {
            switch value[index] {
            case 0x30...0x39, 0x41...0x5a, 0x61...0x7a, 0x2d, 0x2e, 0x5f, 0x7e, 0x25, 0x3a,
                0x5b, 0x5d:
                continue
            default: return false
            }
        }
        return true
    }

    private static func length(
        _ value: Span<UInt8>,
        _ limits: RequestParser.Limits
    ) throws(RequestViolation) -> Int {
        guard !value.isEmpty else { throw .malformed("Content-Length is malformed.") }
        var length = 0
        var isTooLarge = false
        for index in value.indices {
            let digit = value[index] &- 0x30
            guard digit < 10 else { throw .malformed("Content-Length is malformed.") }
            // Never above ten times the limit, so it can't overflow.
            if !isTooLarge { length = length * 10 + Int(digit) }
            isTooLarge = isTooLarge || length > limits.bodyBytesMax
        }
        guard !isTooLarge else { throw .bodyTooLarge }
        return length
    }

    private mutating func readConnectionOptions(_ value: Span<UInt8>) {
        var start = 0
        for index in 0...value.count where index == value.count || value[index] == 0x2c {
            let option = value.extracting(start..<index)
            let word = option.extracting(FieldSyntax.trimmed(option))
            if FieldSyntax.equals(word, "close") { mustClose = true }
            if FieldSyntax.equals(word, "keep-alive") { mayKeepAlive = true }
            start = index + 1
        }
    }

    /// Decides what depends on several fields, at the empty line.
    mutating func finish() throws(RequestViolation) -> RequestHead {
        if head.isVersion11 {
            guard hostCount == 1 else { throw .malformed("The Host field is missing.") }
        } else {
            guard !isChunked else {
                throw .malformed("HTTP/1.0 has no transfer codings.")
            }
            // A client that speaks 1.0 does not wait, whatever it says (RFC 9110 §10.1.1).
            head.expectsContinue = false
        }
        guard !isChunked || contentLength == nil else {
            throw .malformed("Content-Length and Transfer-Encoding exclude each other.")
        }
        if isChunked {
            head.framing = .chunked
        } else if let contentLength, contentLength > 0 {
            head.framing = .length(contentLength)
        } else {
            head.expectsContinue = false
        }
        head.isKeepAlive = !mustClose && (head.isVersion11 || mayKeepAlive)
        return head
    }
}

/// The parts of a field line, of a head or of trailers.
enum FieldLine {
    /// Where the name ends; a fold, an empty name or a space in it is refused.
    static func colon(in line: Span<UInt8>) throws(RequestViolation) -> Int {
        var index = 0
        while index < line.count, FieldSyntax.isTokenByte(line[index]) { index += 1 }
        guard index > 0, index < line.count, line[index] == 0x3a else {
            throw .malformed("A field is malformed.")
        }
        return index
    }

    /// Checks a line that is not kept.
    static func check(_ line: Span<UInt8>) throws(RequestViolation) {
        let colon = try colon(in: line)
        guard FieldSyntax.isValue(line.extracting(colon + 1..<line.count)) else {
            throw .malformed("A field is malformed.")
        }
    }
}
