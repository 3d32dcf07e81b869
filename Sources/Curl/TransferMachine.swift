import EventLoop

/// What governs one transfer's decisions.
struct TransferPolicy {
    var timeouts: CurlTimeouts
    var bufferBytesMax: Int
    var headBytesMax: Int
    var fieldCountMax: Int
    var isIdempotent: Bool
    var resendWindow: Duration
}

/// The life of one transfer as a value: connecting, waiting for the head, body, end.
///
/// It is told what curl reports and what time it is, and answers with what to do. It neither
/// calls curl nor reads a clock.
struct TransferMachine {
    typealias Time = LoopTime

    enum Phase {
        /// No byte of the request has left.
        case connecting
        case awaitingHead
        case receivingBody
        case ended
    }

    /// What to tell curl about bytes that it offers.
    enum Verdict: Equatable {
        case accept
        /// The same bytes will be offered again after `resume`.
        case pause
        case abort
    }

    /// How the transfer ended on curl's side.
    enum Outcome {
        case finished
        case failed(CurlError)
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
    private(set) var isPaused = false
    /// How often curl sent the request again after a reused connection had died.
    private(set) var resendCount = 0

    private let policy: TransferPolicy
    private let startedAt: Time
    /// When the request last began to leave.
    private var sentAt: Time
    /// When the body last moved: bytes came, or the reader made room.
    private var movedAt: Time
    private var parser: HeadParser
    private var buffer: [UInt8] = []

    init(policy: TransferPolicy, startedAt: Time) {
        self.policy = policy
        self.startedAt = startedAt
        sentAt = startedAt
        movedAt = startedAt
        parser = HeadParser(
            bytesMax: policy.headBytesMax,
            fieldCountMax: policy.fieldCountMax
        )
    }

    /// Whether no byte of the request can have reached the upstream.
    var isRetrySafe: Bool { phase == .connecting }

    /// Bytes that wait for the reader.
    var bufferedCount: Int { buffer.count }

    // MARK: What curl reports

    /// A connection is ready and the request is about to leave; false keeps it from leaving.
    ///
    /// curl sends a request again by itself when a reused connection dies without an answer. That
    /// is right when the server closed the connection for its age, and doubles the work when the
    /// server died of the request; `resendWindow` draws the line.
    mutating func connectionReady(at now: Time) -> Bool {
        if phase == .connecting {
            phase = .awaitingHead
            sentAt = now
            return true
        }
        if policy.isIdempotent || now - sentAt < policy.resendWindow {
            resendCount += 1
            sentAt = now
            return true
        }
        fail(CurlError(.reset, detail: "the upstream closed the connection before answering"))
        return false
    }

    /// One line of a head, or of trailers, which are dropped; false aborts the transfer.
    mutating func receiveHeadLine(_ line: UnsafeRawBufferPointer, at now: Time) -> Bool {
        guard failure == nil else { return false }
        do throws(CurlError) {
            if head != nil {
                try parser.count(line.count)
                return true
            }
            if let head = try parser.take(line) {
                self.head = head
                phase = .receivingBody
                movedAt = now
            }
            return true
        } catch {
            fail(error)
            return false
        }
    }

    /// Bytes of the body.
    mutating func receiveBody(_ bytes: UnsafeRawBufferPointer, at now: Time) -> Verdict {
        guard failure == nil, phase == .receivingBody else { return .abort }
        if !buffer.isEmpty && buffer.count + bytes.count > policy.bufferBytesMax {
            isPaused = true
            return .pause
        }
        buffer.append(contentsOf: bytes)
        movedAt = now
        return .accept
    }

    /// curl is done with the transfer; an earlier failure of ours is the cause and stays.
    mutating func end(_ outcome: Outcome) {
        guard phase != .ended else { return }
        switch outcome {
        case .finished where head == nil:
            // curl takes a head that breaks off for a complete one.
            fail(CurlError(.reset, detail: "the connection ended within the response head"))
        case .finished: break
        case .failed(let error): fail(error)
        }
        phase = .ended
    }

    // MARK: What the reader does

    /// Takes what is buffered; a failure shows only after the bytes that came before it.
    ///
    /// All of it is taken, so a paused transfer is always below half of its limit afterwards.
    mutating func deliver() -> Delivery {
        if !buffer.isEmpty {
            var taken: [UInt8] = []
            swap(&taken, &buffer)
            return .bytes(taken)
        }
        if phase != .ended { return .nothing }
        if let failure { return .failure(failure) }
        return .end
    }

    /// Whether curl must be told to go on, after the reader has made room.
    mutating func resume(at now: Time) -> Bool {
        guard isPaused, phase == .receivingBody, buffer.count <= policy.bufferBytesMax / 2 else {
            return false
        }
        // First, for curl offers the held bytes before its own call returns.
        isPaused = false
        movedAt = now
        return true
    }

    /// Ends the transfer from our side and forgets what nobody will read.
    mutating func abandon(_ error: CurlError) {
        guard phase != .ended else { return }
        buffer = []
        fail(error)
        phase = .ended
    }

    // MARK: Time

    /// When something is to be done unless the transfer moves on.
    var nextDeadline: Time? { bound?.deadline }

    /// Ends the transfer when its deadline has come; false when there is time left.
    mutating func expire(at now: Time) -> Bool {
        guard phase != .ended, let bound, bound.deadline <= now else { return false }
        fail(.timeout(bound.timeout, isRetrySafe: isRetrySafe))
        phase = .ended
        return true
    }

    private var bound: (deadline: Time, timeout: CurlError.Timeout)? {
        let timeouts = policy.timeouts
        let part: (deadline: Time, timeout: CurlError.Timeout)? =
            switch phase {
            case .connecting: (startedAt + timeouts.connect, .connect)
            case .awaitingHead: timeouts.firstByte.map { (sentAt + $0, .firstByte) }
            case .receivingBody: isPaused ? nil : timeouts.idle.map { (movedAt + $0, .idle) }
            case .ended: nil
            }
        guard phase != .ended, let total = timeouts.total.map({ startedAt + $0 }) else {
            return part
        }
        guard let part, part.deadline <= total else { return (total, .total) }
        return part
    }

    private mutating func fail(_ error: CurlError) {
        if failure == nil { failure = error }
    }
}
