/// Reads `POST /v1/messages?beta=true HTTP/1.1` (RFC 9112 §3), stricter than it demands.
enum RequestLine {
    private static let methodBytesMax = 32

    /// Checks what there is of a line, up to the method's end, so that a peer that does not
    /// speak HTTP is refused by its first bytes and not by a timeout.
    static func checkBeginning(_ line: Span<UInt8>) throws(RequestViolation) {
        for index in 0..<min(line.count, methodBytesMax) {
            let byte = line[index]
            if byte == 0x20 && index > 0 { return }
            guard isMethodByte(byte) else { throw .malformed("The method is malformed.") }
        }
        guard line.count <= methodBytesMax || line[methodBytesMax] == 0x20 else {
            throw .methodNotImplemented
        }
    }

    private static func isMethodByte(_ byte: UInt8) -> Bool {
        byte &- 0x41 < 26 || byte == 0x2d || byte == 0x5f
    }

    /// Reads a whole line without its end into the head.
    static func parse(
        _ line: Span<UInt8>,
        into head: inout RequestHead
    ) throws(RequestViolation) {
        try checkBeginning(line)
        guard let first = firstSpace(line, from: 0), let second = firstSpace(line, from: first + 1)
        else { throw .malformed("The request line is malformed.") }
        head.isVersion11 = try version(line.extracting(second + 1..<line.count))
        head.method = string(line.extracting(0..<first))
        guard head.method != "CONNECT" else { throw .methodNotImplemented }
        try parseTarget(line.extracting(first + 1..<second), into: &head)
    }

    private static func firstSpace(_ line: Span<UInt8>, from start: Int) -> Int? {
        var index = start
        while index < line.count {
            if line[index] == 0x20 { return index }
            index += 1
        }
        return nil
    }

    /// Whether it is HTTP/1.1.
    private static func version(_ text: Span<UInt8>) throws(RequestViolation) -> Bool {
        let prefix: StaticString = "HTTP/"
        guard text.count == 8, text[6] == 0x2e, isDigit(text[5]), isDigit(text[7]) else {
            throw .malformed("The request line is malformed.")
        }
        for index in 0..<5 where text[index] != prefix.utf8Start[index] {
            throw .malformed("The request line is malformed.")
        }
        guard text[5] == 0x31, text[7] == 0x31 || text[7] == 0x30 else {
            throw .versionNotSupported
        }
        return text[7] == 0x31
    }

    private static func isDigit(_ byte: UInt8) -> Bool { byte &- 0x30 < 10 }

    /// Reads `/path?query`, `http://host/path?query`, or `*` for OPTIONS.
    private static func parseTarget(
        _ target: Span<UInt8>,
        into head: inout RequestHead
    ) throws(RequestViolation) {
        var question: Int?
        for index in target.indices {
            let byte = target[index]
            // A fragment never leaves a client, and bytes above ASCII must be escaped.
            guard byte > 0x20, byte < 0x7f, byte != 0x23 else {
                throw .malformed("The request target is malformed.")
            }
            if byte == 0x3f && question == nil { question = index }
        }
        let pathEnd = question ?? target.count
        let pathStart = try pathStart(target, end: pathEnd, method: head.method)
        head.path = pathStart == pathEnd ? "/" : string(target.extracting(pathStart..<pathEnd))
        head.query = question.map { string(target.extracting($0 + 1..<target.count)) }
    }

    private static func pathStart(
        _ target: Span<UInt8>,
        end: Int,
        method: String
    ) throws(RequestViolation) -> Int {
        if end > 0 && target[0] == 0x2f { return 0 }
        if target.count == 1 && target[0] == 0x2a && method == "OPTIONS" { return 0 }
        // The absolute form, which servers must take though only proxies get it.
        guard let scheme = schemeLength(target, end: end) else {
            throw .malformed("The request target is malformed.")
        }
        var index = scheme
        while index < end, target[index] != 0x2f { index += 1 }
        guard index > scheme else { throw .malformed("The request target is malformed.") }
        return index
    }

    private static func schemeLength(_ target: Span<UInt8>, end: Int) -> Int? {
        if end >= 7 && FieldSyntax.equals(target.extracting(0..<7), "http://") { return 7 }
        if end >= 8 && FieldSyntax.equals(target.extracting(0..<8), "https://") { return 8 }
        return nil
    }

    private static func string(_ bytes: Span<UInt8>) -> String {
        bytes.withUnsafeBufferPointer { String(decoding: $0, as: UTF8.self) }
    }
}
