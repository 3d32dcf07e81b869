/// One block of an event stream, as ranges of the decoder's buffer.
///
/// Blocks tile the stream: every byte, comments and blank lines included, is in exactly one `raw`.
package struct ServerSentEvent: Hashable, Sendable {
    package let raw: Range<Int>
    /// The value of the `event` field.
    package let name: Range<Int>?
    /// Lines of data; a block without any is no event, only comments or blank lines.
    package let dataLineCount: Int
    /// The value of the first `data` field.
    package let data: Range<Int>?
}

/// Why a stream cannot be read on.
package enum ServerSentEventError: Error, Hashable, Sendable {
    case eventTooLarge(bytesMax: Int)
}

/// Cuts a stream of bytes into server-sent events, however it was split into chunks.
///
/// Lines end with CRLF, LF or CR, also mixed. A block ends as soon as its blank line is certain:
/// after the LF, and after a lone CR where the line before ended with one too (elsewhere the LF
/// of a CRLF may still be on its way). So the cuts never depend on how the bytes arrived.
package struct ServerSentEventDecoder: Sendable {
    /// The longest block kept in memory, unless told otherwise.
    package static let eventBytesMax = 4 << 20

    /// What the ranges of events refer to, until the next `append`.
    package private(set) var buffer: [UInt8] = []
    private let eventBytesMax: Int
    /// Where the block being read begins, its present line begins, and scanning goes on.
    private var blockStart = 0
    private var lineStart = 0
    private var cursor = 0
    private var isAtStreamStart = true
    private var lastLineEndedInCR = false
    private var name: Range<Int>?
    private var data: Range<Int>?
    private var dataLineCount = 0
    /// The data of the block being read, and of the one last given, where it has several lines.
    private var joining: [UInt8] = []
    private var joined: [UInt8] = []

    package init(eventBytesMax: Int = Self.eventBytesMax) {
        self.eventBytesMax = eventBytesMax
    }

    /// Takes the next bytes; all events before them must have been taken out.
    package mutating func append(_ chunk: [UInt8]) {
        if blockStart == buffer.count {
            buffer = chunk
        } else {
            if blockStart > 0 { buffer.removeSubrange(..<blockStart) }
            buffer += chunk
        }
        name = name.map { $0.lowerBound - blockStart..<$0.upperBound - blockStart }
        data = data.map { $0.lowerBound - blockStart..<$0.upperBound - blockStart }
        lineStart -= blockStart
        cursor -= blockStart
        blockStart = 0
    }

    /// The next complete block; nil when more bytes are needed.
    package mutating func next() throws(ServerSentEventError) -> ServerSentEvent? {
        while true {
            let end = ByteScan.endOfLine(buffer, from: cursor, to: buffer.count)
            cursor = end
            guard let (next, endsInCR) = lineEnd(at: end) else {
                guard buffer.count - blockStart <= eventBytesMax else {
                    throw .eventTooLarge(bytesMax: eventBytesMax)
                }
                return nil
            }
            let isBlank = end == lineStart
            if !isBlank { readLine(lineStart..<end) }
            lastLineEndedInCR = endsInCR
            isAtStreamStart = false
            lineStart = next
            cursor = next
            if isBlank { return takeBlock() }
        }
    }

    /// The block that the end of the stream has cut off; nil when nothing is left.
    package mutating func finish() -> ServerSentEvent? {
        guard blockStart < buffer.count else { return nil }
        var end = buffer.count
        // The CR that was still waiting for its LF.
        if end > lineStart, buffer[end - 1] == carriageReturn { end -= 1 }
        if lineStart < end { readLine(lineStart..<end) }
        lineStart = buffer.count
        cursor = buffer.count
        return takeBlock()
    }

    /// The data of the block last given: bytes and the range in them; nil when it has none.
    ///
    /// Lines are joined with LF. Nothing is copied for data of one line.
    package func payload(of event: ServerSentEvent) -> (bytes: [UInt8], range: Range<Int>)? {
        guard let data = event.data else { return nil }
        return event.dataLineCount == 1 ? (buffer, data) : (joined, joined.indices)
    }

    /// Where the next line begins, and whether this one ended with a lone CR; nil when that
    /// cannot be told yet.
    private func lineEnd(at end: Int) -> (next: Int, endsInCR: Bool)? {
        guard end < buffer.count else { return nil }
        if buffer[end] == lineFeed { return (end + 1, false) }
        if end == lineStart, lastLineEndedInCR { return (end + 1, true) }
        guard end + 1 < buffer.count else { return nil }
        return buffer[end + 1] == lineFeed ? (end + 2, false) : (end + 1, true)
    }

    private mutating func readLine(_ line: Range<Int>) {
        var start = line.lowerBound
        if isAtStreamStart, buffer[line].starts(with: [0xef, 0xbb, 0xbf]) { start += 3 }
        if let value = value(of: "data", in: start..<line.upperBound) {
            dataLineCount += 1
            if dataLineCount == 1 {
                data = value
            } else {
                if dataLineCount == 2, let data { joining = Array(buffer[data]) }
                joining.append(lineFeed)
                joining += buffer[value]
            }
        } else if let value = value(of: "event", in: start..<line.upperBound) {
            name = value
        }
    }

    /// The value of a line that has this field.
    private func value(of field: StaticString, in line: Range<Int>) -> Range<Int>? {
        let count = field.utf8CodeUnitCount
        guard line.count >= count else { return nil }
        for offset in 0..<count where buffer[line.lowerBound + offset] != field.utf8Start[offset] {
            return nil
        }
        var start = line.lowerBound + count
        if start == line.upperBound { return start..<start }
        guard buffer[start] == UInt8(ascii: ":") else { return nil }
        start += 1
        if start < line.upperBound, buffer[start] == 0x20 { start += 1 }
        return start..<line.upperBound
    }

    private mutating func takeBlock() -> ServerSentEvent {
        let event = ServerSentEvent(
            raw: blockStart..<lineStart,
            name: name,
            dataLineCount: dataLineCount,
            data: data
        )
        if dataLineCount > 1 {
            joined = joining
            joining = []
        }
        blockStart = lineStart
        name = nil
        data = nil
        dataLineCount = 0
        return event
    }
}
