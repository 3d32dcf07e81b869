import EventLoop

/// Bytes that wait to be sent, in segments whose memory is reused or given back.
struct OutputQueue {
    /// A segment is begun anew above this, so that what is sent is given back bit by bit.
    private static let segmentBytesMax = 64 * 1_024

    /// All unsent bytes.
    private(set) var count = 0
    private var front: [UInt8] = []
    /// How much of the front is sent.
    private var sentCount = 0
    private var rest: [[UInt8]] = []

    var isEmpty: Bool { count == 0 }
    /// Whether the first append needs memory.
    var needsStorage: Bool { front.capacity == 0 }

    /// Lets the writer append to the last segment.
    mutating func append(_ write: (inout [UInt8]) -> Void) {
        if rest.isEmpty && front.count < Self.segmentBytesMax {
            let before = front.count
            write(&front)
            count += front.count - before
            return
        }
        if rest.last.map({ $0.count >= Self.segmentBytesMax }) ?? true { rest.append([]) }
        let before = rest[rest.count - 1].count
        write(&rest[rest.count - 1])
        count += rest[rest.count - 1].count - before
    }

    /// Appends bytes; many of them are not copied.
    mutating func append(_ bytes: [UInt8]) {
        guard bytes.count >= Self.segmentBytesMax / 2, !front.isEmpty else {
            append { $0.append(contentsOf: bytes) }
            return
        }
        rest.append(bytes)
        count += bytes.count
    }

    /// Sends until all is sent, which it answers with true, or the socket takes no more.
    mutating func send(to socket: Socket) throws(SystemError) -> Bool {
        while !isEmpty {
            let offered = front.count - sentCount
            let sent = try sendFront(to: socket)
            drop(sent)
            if sent < offered { return false }
        }
        return true
    }

    private func sendFront(to socket: Socket) throws(SystemError) -> Int {
        let unsent = front.span.extracting(sentCount..<front.count)
        return try unsent.withUnsafeBytes { bytes throws(SystemError) in
            try socket.write(bytes, more: !rest.isEmpty)
        }
    }

    /// Takes sent bytes off the front.
    private mutating func drop(_ sent: Int) {
        count -= sent
        sentCount += sent
        guard sentCount == front.count else { return }
        sentCount = 0
        if rest.isEmpty {
            front.removeAll(keepingCapacity: true)
        } else {
            front = rest.removeFirst()
        }
    }

    /// Gives an empty queue memory to write to.
    mutating func adopt(_ storage: [UInt8]) {
        if isEmpty { front = storage }
    }

    /// Takes the memory of a queue that is empty, so that an idle connection holds none.
    mutating func takeStorage() -> [UInt8]? {
        guard isEmpty, front.capacity > 0 else { return nil }
        defer { front = [] }
        return front
    }

    mutating func removeAll() { self = OutputQueue() }
}
