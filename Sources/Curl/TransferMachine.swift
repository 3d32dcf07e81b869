import EventLoop

/// What governs one transfer's decisions.
struct TransferPolicy {
    var timeouts: CurlTimeouts
    var bufferBytesMax: Int
    var isIdempotent: Bool
    var resendWindow: Duration
}

/// The life of one transfer as a value: connecting, waiting for the head, body, end.
///
/// It is told what comes of it and what time it is, and answers with what to do. It touches no
/// connection and reads no clock.
struct TransferMachine {
    typealias Time = LoopTime

    enum Phase {
        /// No byte of the request has left.
        case connecting
        case awaitingHead
        case receivingBody
        case ended
    }

    /// What there is for the reader.
    enum Delivery {
        case nothing
        case bytes([UInt8])
        case end
        case failure(CurlError)
    }

    private(set) var phase = Phase.connecting
    /// The final head, once complete.
    private(set) var head: ResponseHead?
    /// The first thing that went wrong.
    private(set) var failure: CurlError?
    /// How often the request was sent again after a reused connection had died.
    private(set) var resendCount = 0

    private let policy: TransferPolicy
    private let startedAt: Time
    /// When the request last began to leave.
    private var sentAt: Time
    /// When the body last moved: bytes came, or the reader made room.
    private var movedAt: Time
    private var buffer: [UInt8] = []

    init(policy: TransferPolicy, startedAt: Time) {
        self.policy = policy
        self.startedAt = startedAt
        sentAt = startedAt
        movedAt = startedAt
    }

    /// Whether no byte of the request can have reached the upstream.
    var isRetrySafe: Bool { phase == .connecting }

    /// Bytes that wait for the reader.
    var bufferedCount: Int { buffer.count }

    /// How many bytes may be read before the reader has taken some.
    var room: Int { max(0, policy.bufferBytesMax - buffer.count) }

    // MARK: What comes of it

    /// There is a connection, and the request begins to leave.
    mutating func requestLeaves(at now: Time) {
        if phase == .awaitingHead { resendCount += 1 }
        phase = .awaitingHead
        sentAt = now
    }

    /// Whether the request is to be sent again after a reused connection has died without an answer.
    ///
    /// That is right when the server closed the connection for its age, and doubles the work when
    /// the server died of the request; `resendWindow` draws the line.
    func maySendAgain(at now: Time) -> Bool {
        phase == .awaitingHead && (policy.isIdempotent || now - sentAt < policy.resendWindow)
    }

    /// The final head has come.
    mutating func receive(_ head: ResponseHead, at now: Time) {
        guard phase == .awaitingHead else { return }
        self.head = head
        phase = .receivingBody
        movedAt = now
    }

    /// Bytes of the body, no more than there was room for.
    mutating func receiveBody(_ bytes: UnsafeRawBufferPointer, at now: Time) {
        guard phase == .receivingBody else { return }
        buffer.append(contentsOf: bytes)
        movedAt = now
    }

    /// The response is whole.
    mutating func finish() {
        if phase == .receivingBody { phase = .ended }
    }

    /// The transfer has failed; an earlier failure is the cause and stays.
    ///
    /// What has left once may have arrived, whatever became of an attempt to send it again.
    mutating func fail(_ error: CurlError) {
        guard phase != .ended else { return }
        failure = isRetrySafe ? error : error.afterSending
        phase = .ended
    }

    // MARK: What the reader does

    /// Takes what is buffered; a failure shows only after the bytes that came before it.
    mutating func deliver(at now: Time) -> Delivery {
        if !buffer.isEmpty {
            // The time that the reader took was not the upstream's silence.
            if room == 0 { movedAt = now }
            var taken: [UInt8] = []
            swap(&taken, &buffer)
            return .bytes(taken)
        }
        if phase != .ended { return .nothing }
        if let failure { return .failure(failure) }
        return .end
    }

    /// Ends the transfer from our side and forgets what nobody will read.
    mutating func abandon(_ error: CurlError) {
        guard phase != .ended else { return }
        buffer = []
        fail(error)
    }

    // MARK: Time

    /// When something is to be done unless the transfer moves on.
    var nextDeadline: Time? { bound?.deadline }

    /// Ends the transfer when its deadline has come; false when there is time left.
    mutating func expire(at now: Time) -> Bool {
        guard let bound, bound.deadline <= now else { return false }
        fail(.timeout(bound.timeout, isRetrySafe: isRetrySafe))
        return true
    }

    private var bound: (deadline: Time, timeout: CurlError.Timeout)? {
        let timeouts = policy.timeouts
        let part: (deadline: Time, timeout: CurlError.Timeout)? =
            switch phase {
            case .connecting: (startedAt + timeouts.connect, .connect)
            case .awaitingHead: timeouts.firstByte.map { (sentAt + $0, .firstByte) }
            case .receivingBody: room == 0 ? nil : timeouts.idle.map { (movedAt + $0, .idle) }
            case .ended: nil
            }
        guard phase != .ended, let total = timeouts.total.map({ startedAt + $0 }) else {
            return part
        }
        guard let part, part.deadline <= total else { return (total, .total) }
        return part
    }
}
