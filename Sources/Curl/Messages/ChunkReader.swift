/// Reads the framing of a chunked body (RFC 9112 §7.1), up to its trailers; extensions are dropped.
struct ChunkReader {
    private enum Phase {
        case size(digitCount: Int)
        case `extension`
        case sizeLineFeed
        case data
        case dataReturn
        case dataLineFeed
        case over
    }

    /// All extensions of a body together: a byte of data must not cost a kilobyte of them.
    private static let extensionBytesMax = 16_384
    /// More would not fit into a number; leading zeros count.
    private static let digitsMax = 15

    private var phase = Phase.size(digitCount: 0)
    /// The size as far as it is read, then what is left of the chunk.
    private var remaining = 0
    private var extensionByteCount = 0

    /// Whether the last chunk, the empty one, has been read.
    var isOver: Bool { if case .over = phase { true } else { false } }

    /// Where the next bytes of the body are; nil when all input was taken, or the body is over.
    mutating func next(
        in input: UnsafeRawBufferPointer,
        at offset: inout Int
    ) throws(CurlError) -> Range<Int>? {
        while offset < input.count, !isOver {
            if case .data = phase {
                let end = min(input.count, offset + remaining)
                defer { offset = end }
                remaining -= end - offset
                if remaining == 0 { phase = .dataReturn }
                return offset..<end
            }
            try readFraming(input[offset])
            offset += 1
        }
        return nil
    }

    private mutating func readFraming(_ byte: UInt8) throws(CurlError) {
        switch phase {
        case .size(let digitCount):
            try readSize(byte, digitCount)
        case .extension:
            extensionByteCount += 1
            guard extensionByteCount <= Self.extensionBytesMax,
                isFieldValueByte(byte) || byte == 0x0d
            else { throw Self.malformed }
            if byte == 0x0d { phase = .sizeLineFeed }
        case .sizeLineFeed:
            guard byte == 0x0a else { throw Self.malformed }
            phase = remaining == 0 ? .over : .data
        case .dataReturn:
            guard byte == 0x0d else { throw Self.malformed }
            phase = .dataLineFeed
        case .dataLineFeed:
            guard byte == 0x0a else { throw Self.malformed }
            phase = .size(digitCount: 0)
        case .data, .over:
            preconditionFailure("not framing")
        }
    }

    private mutating func readSize(_ byte: UInt8, _ digitCount: Int) throws(CurlError) {
        if let digit = hexadecimalDigit(byte) {
            guard digitCount < Self.digitsMax else { throw Self.malformed }
            remaining = remaining << 4 | digit
            phase = .size(digitCount: digitCount + 1)
            return
        }
        guard digitCount > 0 else { throw Self.malformed }
        switch byte {
        case 0x0d: phase = .sizeLineFeed
        // Some servers pad sizes with blanks.
        case UInt8(ascii: ";"), UInt8(ascii: " "), UInt8(ascii: "\t"): phase = .extension
        default: throw Self.malformed
        }
    }

    private static let malformed = CurlError.violation("the response's chunks cannot be read")
}

private func hexadecimalDigit(_ byte: UInt8) -> Int? {
    switch byte {
    case 0x30...0x39: Int(byte - 0x30)
    case 0x41...0x46: Int(byte - 0x41 + 10)
    case 0x61...0x66: Int(byte - 0x61 + 10)
    default: nil
    }
}
