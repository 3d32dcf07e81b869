/// Reads a chunked body (RFC 9112 §7.1); extensions and trailers are checked, bounded, dropped.
struct ChunkReader: Sendable {
    private enum Phase {
        case size(digitCount: Int)
        case `extension`
        case sizeLineFeed
        case data
        case dataReturn
        case dataLineFeed
        case trailers
    }

    /// All extensions of a body together: a byte of data must not cost a kilobyte of them.
    private static let extensionBytesMax = 16 * 1_024
    /// More digits than a size can have, and so room for leading zeros.
    private static let sizeDigitsMax = 16

    private let limits: RequestParser.Limits
    private var phase = Phase.size(digitCount: 0)
    /// The size as far as it is read, then what is left of the chunk.
    private var remaining = 0
    private var bodyByteCount = 0
    private var extensionByteCount = 0
    private var trailerCount = 0
    private var lines = LineReader()

    init(limits: RequestParser.Limits) {
        self.limits = limits
    }

    /// The next bytes of the body, its end, or nil when all input was taken.
    mutating func next(
        in input: Span<UInt8>,
        at offset: inout Int
    ) throws(RequestViolation) -> RequestEvent? {
        while true {
            if case .trailers = phase {
                return try readTrailers(in: input, at: &offset) ? .end : nil
            }
            guard offset < input.count else { return nil }
            if case .data = phase { return takeData(in: input, at: &offset) }
            try readFraming(input[offset])
            offset += 1
        }
    }

    private mutating func takeData(in input: Span<UInt8>, at offset: inout Int) -> RequestEvent {
        let end = min(input.count, offset + remaining)
        defer { offset = end }
        remaining -= end - offset
        if remaining == 0 { phase = .dataReturn }
        return .body(offset..<end)
    }

    private mutating func readFraming(_ byte: UInt8) throws(RequestViolation) {
        switch phase {
        case .size(let digitCount):
            try readSize(byte, digitCount)
        case .extension:
            extensionByteCount += 1
            guard extensionByteCount <= Self.extensionBytesMax else {
                throw .malformed("The chunk extensions are too long.")
            }
            if byte == 0x0d {
                phase = .sizeLineFeed
            } else if byte < 0x20 && byte != 0x09 || byte == 0x7f {
                throw .malformed("A chunk extension is malformed.")
            }
        case .sizeLineFeed:
            guard byte == 0x0a else { throw Self.malformedSize }
            phase = remaining == 0 ? .trailers : .data
        case .dataReturn:
            guard byte == 0x0d else { throw .malformed("A chunk does not end where it should.") }
            phase = .dataLineFeed
        case .dataLineFeed:
            guard byte == 0x0a else { throw .malformed("A chunk does not end where it should.") }
            phase = .size(digitCount: 0)
        case .data, .trailers:
            preconditionFailure("not framing")
        }
    }

    private static let malformedSize = RequestViolation.malformed("A chunk size is malformed.")

    private mutating func readSize(_ byte: UInt8, _ digitCount: Int) throws(RequestViolation) {
        if let digit = Self.hexadecimalDigit(byte) {
            guard digitCount < Self.sizeDigitsMax else { throw Self.malformedSize }
            // At most sixteen times the limit, so it can't overflow.
            remaining = remaining << 4 | digit
            guard remaining <= limits.bodyBytesMax - bodyByteCount else { throw .bodyTooLarge }
            phase = .size(digitCount: digitCount + 1)
            return
        }
        guard digitCount > 0 else { throw Self.malformedSize }
        bodyByteCount += remaining
        switch byte {
        case 0x0d: phase = .sizeLineFeed
        case 0x3b: phase = .extension
        default: throw Self.malformedSize
        }
    }

    private static func hexadecimalDigit(_ byte: UInt8) -> Int? {
        switch byte {
        case 0x30...0x39: Int(byte - 0x30)
        case 0x41...0x46: Int(byte - 0x41 + 10)
        case 0x61...0x66: Int(byte - 0x61 + 10)
        default: nil
        }
    }

    /// Whether the empty line after the trailers was read.
    private mutating func readTrailers(
        in input: Span<UInt8>,
        at offset: inout Int
    ) throws(RequestViolation) -> Bool {
        while true {
            let outcome = try lines.next(
                in: input,
                at: &offset,
                byteCountMax: limits.headBytesMax
            ) { _ throws(RequestViolation) in }
            switch outcome {
            case .incomplete: return false
            case .inInput(let range):
                if range.isEmpty { return true }
                try readTrailer(input.extracting(range))
            case .collected(let line):
                if line.isEmpty { return true }
                try readTrailer(line.span)
            }
        }
    }

    private mutating func readTrailer(_ line: Span<UInt8>) throws(RequestViolation) {
        trailerCount += 1
        guard trailerCount <= limits.fieldCountMax else { throw .tooManyFields }
        try FieldLine.check(line)
    }
}
