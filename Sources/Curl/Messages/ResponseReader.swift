import Glibc

/// Reads one response from bytes as they come: interim heads, the head, and the body's framing.
///
/// Pure: it is given bytes and answers with what is in them.
struct ResponseReader {
    enum Event {
        /// The final head.
        case head(ResponseHead)
        /// Where in the input bytes of the body are.
        case body(Range<Int>)
        /// The response is whole; what follows in the input is not of it.
        case end
    }

    private enum Phase {
        case head
        /// How much is missing of a body whose length was told.
        case length(Int)
        case chunks
        case trailers
        /// The connection's end ends the body.
        case untilClose
        case ended
    }

    private let bytesMax: Int
    /// Whether it answers a HEAD, and so has no body whatever its fields say.
    private let answersHead: Bool
    private var phase = Phase.head
    private var parser: HeadParser
    private var chunks = ChunkReader()
    /// The beginning of a line whose end has not come.
    private var partial: [UInt8] = []
    /// Whether anything at all has come.
    private(set) var hasBegun = false
    /// Whether the final head has come.
    var isBeyondHead: Bool { if case .head = phase { false } else { true } }
    /// Whether the connection can carry another request once the response has ended.
    private(set) var keepsConnection = false

    init(bytesMax: Int, fieldCountMax: Int, answersHead: Bool = false) {
        self.bytesMax = bytesMax
        self.answersHead = answersHead
        parser = HeadParser(bytesMax: bytesMax, fieldCountMax: fieldCountMax)
    }

    /// Reads on from the offset; nil when all input was taken.
    mutating func next(
        in input: UnsafeRawBufferPointer,
        at offset: inout Int
    ) throws(CurlError) -> Event? {
        hasBegun = hasBegun || !input.isEmpty
        while true {
            switch phase {
            case .head:
                guard let head = try nextHead(in: input, at: &offset) else { return nil }
                begin(head)
                return .head(head)
            case .length(0):
                phase = .ended
                return .end
            case .length(let missing):
                guard offset < input.count else { return nil }
                let end = min(input.count, offset + missing)
                defer { offset = end }
                phase = .length(missing - (end - offset))
                return .body(offset..<end)
            case .chunks:
                if let body = try chunks.next(in: input, at: &offset) { return .body(body) }
                guard chunks.isOver else { return nil }
                phase = .trailers
            case .trailers:
                guard try readTrailers(in: input, at: &offset) else { return nil }
                phase = .ended
                return .end
            case .untilClose:
                guard offset < input.count else { return nil }
                defer { offset = input.count }
                return .body(offset..<input.count)
            case .ended:
                return nil
            }
        }
    }

    /// The connection has ended; throws unless that ends the response.
    mutating func endOfInput() throws(CurlError) {
        switch phase {
        case .untilClose: phase = .ended
        case .ended: break
        case .head:
            throw CurlError(.reset, detail: "the connection ended before the response head did")
        case .length, .chunks, .trailers:
            throw CurlError(.truncated, detail: "the connection ended within the response body")
        }
    }

    private mutating func begin(_ head: ResponseHead) {
        keepsConnection = head.keepsConnection
        if answersHead || head.status == 204 || head.status == 304 {
            phase = .length(0)
            return
        }
        switch head.framing {
        case .length(let length): phase = .length(length)
        case .chunked: phase = .chunks
        case .untilClose:
            keepsConnection = false
            phase = .untilClose
        }
    }

    // MARK: Lines

    private mutating func nextHead(
        in input: UnsafeRawBufferPointer,
        at offset: inout Int
    ) throws(CurlError) -> ResponseHead? {
        while let line = try nextLine(in: input, at: &offset) {
            let head =
                switch line {
                case .inInput(let range): try parser.take(input, range)
                case .collected(let bytes): try parser.take(bytes)
                }
            if let head { return head }
        }
        return nil
    }

    /// Trailers are counted and dropped; whether the line that ends them has come.
    private mutating func readTrailers(
        in input: UnsafeRawBufferPointer,
        at offset: inout Int
    ) throws(CurlError) -> Bool {
        while let line = try nextLine(in: input, at: &offset) {
            let isEmpty: Bool
            switch line {
            case .inInput(let range):
                try parser.count(range.count)
                isEmpty = isEmptyLine(UnsafeRawBufferPointer(rebasing: input[range]))
            case .collected(let bytes):
                try parser.count(bytes.count)
                isEmpty = bytes.withUnsafeBytes(isEmptyLine)
            }
            if isEmpty { return true }
        }
        return false
    }

    private enum Line {
        case inInput(Range<Int>)
        /// It began in earlier input.
        case collected([UInt8])
    }

    /// The next whole line with its end.
    private mutating func nextLine(
        in input: UnsafeRawBufferPointer,
        at offset: inout Int
    ) throws(CurlError) -> Line? {
        guard let base = input.baseAddress, offset < input.count else { return nil }
        let start = offset
        guard let found = memchr(base + start, 0x0a, input.count - start) else {
            partial.append(contentsOf: input[start...])
            offset = input.count
            if partial.count > bytesMax { throw .headTooLarge }
            return nil
        }
        offset = UnsafeRawPointer(found) - base + 1
        if partial.isEmpty { return .inInput(start..<offset) }
        partial.append(contentsOf: input[start..<offset])
        defer { partial = [] }
        return .collected(partial)
    }
}

private func isEmptyLine(_ line: UnsafeRawBufferPointer) -> Bool {
    line.count == 1 || line.count == 2 && line[0] == UInt8(ascii: "\r")
}
