/// A strict reader of HTTP/1.1 requests: bytes in, events out, no input or output of its own.
///
/// It refuses what nginx refuses, and more: whatever two implementations might read differently.
/// The events, and the violation if there is one, are the same however the input is split.
package struct RequestParser: Sendable {
    /// The bounds that concern the parser; see `HTTPLimits`.
    package struct Limits: Sendable {
        package var headBytesMax: Int
        package var fieldCountMax: Int
        package var bodyBytesMax: Int

        package init(_ limits: HTTPLimits) {
            headBytesMax = limits.headBytesMax
            fieldCountMax = limits.fieldCountMax
            // Sizes are read digit by digit; this keeps sixteen times the limit a number.
            bodyBytesMax = min(limits.bodyBytesMax, 1 << 58)
        }
    }

    private enum Phase {
        case requestLine
        case fields
        case body(remaining: Int)
        case chunks
        case failed(RequestViolation)
    }

    private let limits: Limits
    private var phase = Phase.requestLine
    private var lines = LineReader()
    private var reader = RequestHeadReader()
    /// Kept out of the phase so that it is changed in place.
    private var chunks: ChunkReader

    package init(limits: HTTPLimits) {
        self.limits = Limits(limits)
        chunks = ChunkReader(limits: self.limits)
    }

    /// Whether no byte of a next request has been seen.
    package var isBetweenRequests: Bool {
        if case .requestLine = phase { return lines.byteCount == 0 && lines.partial.isEmpty }
        return false
    }

    /// Reads on from the offset and returns the next event; nil when all input was taken.
    ///
    /// A violation is final: every later call throws it again.
    package mutating func next(
        in input: Span<UInt8>,
        at offset: inout Int
    ) throws(RequestViolation) -> RequestEvent? {
        do throws(RequestViolation) {
            return try read(input, at: &offset)
        } catch {
            phase = .failed(error)
            throw error
        }
    }

    private mutating func read(
        _ input: Span<UInt8>,
        at offset: inout Int
    ) throws(RequestViolation) -> RequestEvent? {
        switch phase {
        case .requestLine, .fields:
            guard let head = try readHead(in: input, at: &offset) else { return nil }
            return .head(head)
        case .body(0):
            phase = .requestLine
            return .end
        case .body(let remaining):
            guard offset < input.count else { return nil }
            let end = min(input.count, offset + remaining)
            defer { offset = end }
            phase = .body(remaining: remaining - (end - offset))
            return .body(offset..<end)
        case .chunks:
            let event = try chunks.next(in: input, at: &offset)
            if event == .end { phase = .requestLine }
            return event
        case .failed(let violation):
            throw violation
        }
    }

    private mutating func readHead(
        in input: Span<UInt8>,
        at offset: inout Int
    ) throws(RequestViolation) -> RequestHead? {
        while offset < input.count {
            let isFirst = if case .requestLine = phase { true } else { false }
            let isBegun = lines.byteCount > 0
            let outcome = try lines.next(
                in: input,
                at: &offset,
                byteCountMax: limits.headBytesMax
            ) { line throws(RequestViolation) in
                if isFirst { try Self.checkBeginning(line, mayBeEmpty: !isBegun) }
            }
            let isOver: Bool
            switch outcome {
            case .incomplete: return nil
            case .inInput(let range): isOver = try readLine(input.extracting(range))
            case .collected(let line): isOver = try readLine(line.span)
            }
            if isOver { return try finishHead() }
        }
        return nil
    }

    /// One empty line may stand before a request (RFC 9112 §2.2).
    private static func checkBeginning(
        _ line: Span<UInt8>,
        mayBeEmpty: Bool
    ) throws(RequestViolation) {
        if mayBeEmpty && line.count == 1 && line[0] == 0x0d { return }
        try RequestLine.checkBeginning(line)
    }

    /// Whether it was the empty line that ends a head.
    private mutating func readLine(_ line: Span<UInt8>) throws(RequestViolation) -> Bool {
        if case .requestLine = phase {
            guard !line.isEmpty else { return false }
            try reader.readRequestLine(line)
            phase = .fields
            return false
        }
        guard !line.isEmpty else { return true }
        try reader.readField(line, limits)
        return false
    }

    private mutating func finishHead() throws(RequestViolation) -> RequestHead {
        let head = try reader.finish()
        reader = RequestHeadReader()
        lines.reset()
        switch head.framing {
        case .none: phase = .body(remaining: 0)
        case .length(let length): phase = .body(remaining: length)
        case .chunked:
            phase = .chunks
            chunks = ChunkReader(limits: limits)
        }
        return head
    }
}
