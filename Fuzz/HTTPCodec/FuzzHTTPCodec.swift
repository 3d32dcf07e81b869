import HTTPServer

/// Feeds bytes to the request parser whole, byte by byte, and in steps of the input's choosing.
///
/// All must tell the same, within the limits. The first byte chooses the step, the rest is what a
/// client sends.
@_cdecl("LLVMFuzzerTestOneInput")
public func fuzzHTTPCodec(_ start: UnsafePointer<UInt8>?, _ count: Int) -> CInt {
    guard let start, count > 1 else { return 0 }
    let bytes = Array(UnsafeBufferPointer(start: start + 1, count: count - 1))
    let whole = Transcript(of: [bytes[...]])
    whole.checkLimits()
    precondition(Transcript(of: bytes.indices.map { bytes[$0...$0] }) == whole, "byte by byte")
    let step = Int(start[0]) + 2
    let pieces = stride(from: 0, to: bytes.count, by: step).map {
        bytes[$0..<min(bytes.count, $0 + step)]
    }
    precondition(Transcript(of: pieces) == whole, "in steps of \(step)")
    return 0
}

/// What a parser made of an input, however it was split.
private struct Transcript: Equatable {
    struct Request: Equatable {
        let head: RequestHead
        var body: [UInt8] = []
        var isComplete = false
    }

    /// Small, so that a fuzzer reaches them.
    static let limits: HTTPLimits = {
        var limits = HTTPLimits()
        limits.headBytesMax = 256
        limits.fieldCountMax = 8
        limits.bodyBytesMax = 64
        return limits
    }()

    var requests: [Request] = []
    var violation: RequestViolation?

    init(of pieces: [ArraySlice<UInt8>]) {
        var parser = RequestParser(limits: Self.limits)
        do throws(RequestViolation) {
            for piece in pieces { try feed(Array(piece), to: &parser) }
        } catch {
            violation = error
        }
    }

    private mutating func feed(
        _ piece: [UInt8],
        to parser: inout RequestParser
    ) throws(RequestViolation) {
        var offset = 0
        while let event = try parser.next(in: piece.span, at: &offset) {
            switch event {
            case .head(let head): requests.append(Request(head: head))
            case .body(let range):
                precondition(!range.isEmpty && range.upperBound <= offset, "a body out of place")
                requests[requests.count - 1].body += piece[range]
            case .end: requests[requests.count - 1].isComplete = true
            }
        }
        precondition(offset == piece.count, "input was left")
    }

    func checkLimits() {
        for (index, request) in requests.enumerated() {
            check(request.head)
            precondition(request.body.count <= Self.limits.bodyBytesMax)
            precondition(request.isComplete || index == requests.count - 1)
            if case .length(let length) = request.head.framing {
                precondition(length > 0 && request.body.count <= length)
                precondition(!request.isComplete || request.body.count == length)
            }
            if request.head.framing == .none { precondition(request.body.isEmpty) }
        }
        if let violation {
            precondition([400, 413, 417, 431, 501, 505].contains(violation.status))
        }
    }

    private func check(_ head: RequestHead) {
        precondition(head.fields.count <= Self.limits.fieldCountMax)
        precondition(head.path.first == "/" || head.path == "*")
        precondition(!head.method.isEmpty && head.method != "CONNECT")
        precondition(!head.isVersion11 || head.fields.all(named: "host").count == 1)
        precondition(head.fields["content-length"] == nil || head.framing != .chunked)
        for (name, value) in head.fields {
            precondition(name == name.lowercased())
            precondition(!value.utf8.contains { $0 < 0x20 && $0 != 0x09 || $0 == 0x7f })
        }
    }
}
