/// A request's body as far as it has come.
struct BodyBuffer {
    private let framing: RequestHead.Framing
    private var bytes: [UInt8] = []
    /// The bytes that came, kept or not.
    private(set) var receivedCount = 0
    /// Whether the request has ended; one without a body, too, ends by an event of its own.
    private(set) var isComplete = false
    private(set) var failure: HTTPBodyError?
    /// Nobody wants the bytes any more.
    private var isDiscarding = false

    init(framing: RequestHead.Framing) {
        self.framing = framing
    }

    /// The most that its reader takes; set when it begins to read.
    var bytesMax: Int? {
        didSet {
            guard let bytesMax else { return }
            if case .length(let length) = framing, length > bytesMax { fail(.tooLarge) }
            if bytes.count > bytesMax { fail(.tooLarge) }
        }
    }

    /// Bytes that are kept for the reader.
    var count: Int { bytes.count }

    /// What has not come yet; nil when nobody knows.
    var missingCount: Int? {
        if isComplete { return 0 }
        switch framing {
        case .none: return 0
        case .length(let length): return length - receivedCount
        case .chunked: return nil
        }
    }

    mutating func append(_ span: Span<UInt8>) {
        receivedCount += span.count
        guard failure == nil, !isDiscarding else { return }
        if let bytesMax, bytes.count + span.count > bytesMax {
            fail(.tooLarge)
            return
        }
        if bytes.isEmpty, case .length(let length) = framing {
            // Bounded, so that a mere announcement costs no memory.
            bytes.reserveCapacity(min(length, 256 * 1_024))
        }
        span.withUnsafeBufferPointer { bytes.append(contentsOf: $0) }
    }

    mutating func complete() { isComplete = true }

    /// The first failure stays.
    mutating func fail(_ error: HTTPBodyError) {
        guard failure == nil, !isComplete || error == .tooLarge else { return }
        failure = error
        bytes = []
    }

    mutating func discard() {
        isDiscarding = true
        bytes = []
    }

    mutating func take() -> [UInt8] {
        defer { bytes = [] }
        return bytes
    }
}
