import Glibc

/// Collects lines that end in CRLF from an input that arrives in pieces, within a limit.
struct LineReader: Sendable {
    /// What a look for the next line came to.
    enum Outcome {
        /// A whole line in the input, without its end.
        case inInput(Range<Int>)
        /// A whole line that began in earlier input, without its end.
        case collected([UInt8])
        /// More is needed; all input was taken.
        case incomplete
    }

    /// The bytes of all lines since `reset`, ends included.
    private(set) var byteCount = 0
    /// The beginning of a line whose end has not come.
    private(set) var partial: [UInt8] = []

    mutating func reset() { self = LineReader() }

    /// Looks for the next line; throws 431 when the lines together are longer than the limit.
    ///
    /// `check` sees the line, or what there is of it, before any limit is applied, so that the
    /// outcome does not depend on how the input was split.
    mutating func next(
        in input: Span<UInt8>,
        at offset: inout Int,
        byteCountMax: Int,
        check: (Span<UInt8>) throws(RequestViolation) -> Void
    ) throws(RequestViolation) -> Outcome {
        let start = offset
        let room = byteCountMax - byteCount
        guard let end = Self.lineFeed(in: input, from: start) else {
            // One byte above the limit is enough to know.
            let taken = min(input.count, start + room + 1 - partial.count)
            append(input.extracting(start..<taken))
            offset = input.count
            try check(partial.span)
            guard partial.count <= room else { throw .headTooLarge }
            return .incomplete
        }
        offset = end + 1
        guard !partial.isEmpty else {
            try check(input.extracting(start..<end))
            guard end + 1 - start <= room else { throw .headTooLarge }
            byteCount += end + 1 - start
            guard end > start, input[end - 1] == 0x0d else { throw Self.bareLineFeed }
            return .inInput(start..<end - 1)
        }
        append(input.extracting(start..<min(end, start + room + 1)))
        var line = partial
        partial = []
        try check(line.span)
        guard line.count + 1 <= room else { throw .headTooLarge }
        byteCount += line.count + 1
        guard line.last == 0x0d else { throw Self.bareLineFeed }
        line.removeLast()
        return .collected(line)
    }

    private static let bareLineFeed = RequestViolation.malformed("A line does not end in CR LF.")

    private mutating func append(_ bytes: Span<UInt8>) {
        bytes.withUnsafeBufferPointer { partial.append(contentsOf: $0) }
    }

    private static func lineFeed(in input: Span<UInt8>, from start: Int) -> Int? {
        input.withUnsafeBufferPointer { bytes in
            guard let base = bytes.baseAddress, start < bytes.count,
                let found = memchr(base + start, 0x0a, bytes.count - start)
            else { return nil }
            return UnsafeRawPointer(found) - UnsafeRawPointer(base)
        }
    }
}
