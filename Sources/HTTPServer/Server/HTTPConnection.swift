import EventLoop

/// One client's connection: executes what the parser finds and what the exchange asks for.
///
/// It belongs to the server's loop. Requests are answered one after the other; what the client
/// sends ahead waits, within a bound.
final class HTTPConnection {
    enum Phase {
        /// Between requests, or within a head.
        case reading
        /// A request is being answered.
        case exchange(HTTPExchange)
        /// The request is answered and the rest of its body is skipped.
        case skippingBody(HTTPExchange)
        /// The last response is being sent.
        case closing
        /// The last response is sent; what still comes is thrown away, so that the client can
        /// read the response before a reset meets it.
        case lingering
        case closed
    }

    let socket: Socket
    /// The server lets go of the connection when it closes.
    let server: HTTPServerCore
    /// Its place in the server's list.
    var index = 0

    var parser: RequestParser
    var phase = Phase.reading
    /// Input that can't be parsed before the running exchange ends.
    private var held: [UInt8] = []
    /// How much of the beginning of it is parsed.
    private var parsedHeldCount = 0
    var output = OutputQueue()
    var isFlushScheduled = false
    var isWriteBlocked = false
    /// The peer has closed its half and all it sent was read.
    var hasInputEnded = false
    /// The peer's closing is known, so it is not waited for.
    private var isPeerClosedKnown = false
    /// No request is taken after the running one.
    var mustClose = false
    var deadlines = ConnectionDeadlines()

    init(socket: Socket, server: HTTPServerCore) {
        self.socket = socket
        self.server = server
        parser = RequestParser(limits: server.limits)
    }

    var limits: HTTPLimits { server.limits }
    var loop: EventLoop { server.loop }

    func start() throws(SystemError) {
        try socket.watch(on: loop, for: [.read, .peerClosed]) { [self] readiness in
            handle(readiness)
        }
        deadlines.read = loop.time + limits.headTimeout
        armTimer()
    }

    // MARK: Readiness

    private func handle(_ readiness: Readiness) {
        // A hang-up while lingering only says that now the peer has closed too.
        if readiness.contains(.error) || readiness.contains(.hangUp) && !isLingering {
            return lose()
        }
        if readiness.contains(.writable) { flush() }
        if readiness.contains(.readable) && wantsInput { readInput() }
        if readiness.contains(.peerClosed) { notePeerClosed() }
    }

    private func notePeerClosed() {
        guard !isPeerClosedKnown else { return }
        isPeerClosedKnown = true
        if case .exchange(let exchange) = phase { exchange.clientClosed() }
        updateInterest()
    }

    /// Whether input is read now.
    private var wantsInput: Bool {
        guard !hasInputEnded else { return false }
        switch phase {
        case .reading, .skippingBody, .lingering: return true
        case .closing, .closed: return false
        case .exchange(let exchange):
            if exchange.body.failure != nil { return false }
            if exchange.body.isComplete { return heldCount < limits.pipelineBytesMax }
            // A reader takes it as it comes; its own bound fails the body when it is passed.
            return exchange.isBodyAwaited || exchange.body.count < limits.bodyHighWaterBytes
        }
    }

    func updateInterest() {
        let interest = Interest(
            read: wantsInput,
            write: isWriteBlocked,
            peerClosed: !isPeerClosedKnown
        )
        // Fails only without memory; the timeouts end a connection that hears nothing.
        try? socket.update(to: interest)
    }

    // MARK: Input

    func readInput() {
        do throws(SystemError) {
            switch try socket.read(into: server.readBuffer) {
            case .wouldBlock: break
            case .end: inputEnded()
            case .bytes(let count):
                let bytes = UnsafeRawBufferPointer(rebasing: server.readBuffer[..<count])
                take(Span(_unsafeBytes: bytes))
            }
        } catch {
            lose()
        }
    }

    func take(_ input: Span<UInt8>) {
        if case .lingering = phase { return }
        if heldCount == 0 {
            let consumed = parse(input)
            if consumed < input.count { hold(input.extracting(consumed..<input.count)) }
        } else {
            hold(input)
            parseHeld()
        }
        afterInput()
    }

    private func hold(_ rest: Span<UInt8>) {
        guard canHold else { return }
        rest.withUnsafeBufferPointer { held.append(contentsOf: $0) }
    }

    /// Whether there will be a request after the running one.
    private var canHold: Bool {
        guard !mustClose else { return false }
        if case .exchange(let exchange) = phase { return exchange.head.isKeepAlive }
        return false
    }

    func parseHeld() {
        guard heldCount > 0 else { return }
        // Out of the property, because parsing may end the connection and empty it.
        let input = held
        let start = parsedHeldCount
        let consumed = parse(input.span.extracting(start..<input.count))
        parsedHeldCount = start + consumed
        if parsedHeldCount == input.count || !canHold { dropHeld() }
    }

    var heldCount: Int { held.count - parsedHeldCount }

    func dropHeld() {
        held = []
        parsedHeldCount = 0
    }

    /// Parses as far as the phase allows and returns how much was consumed.
    private func parse(_ input: Span<UInt8>) -> Int {
        var offset = 0
        do throws(RequestViolation) {
            while canParse, let event = try parser.next(in: input, at: &offset) {
                switch event {
                case .head(let head): begin(head)
                case .body(let range): received(input.extracting(range))
                case .end: requestEnded()
                }
            }
        } catch {
            refuse(error)
            return input.count
        }
        return canParse ? input.count : offset
    }

    private var canParse: Bool {
        switch phase {
        case .reading, .skippingBody: true
        case .exchange(let exchange):
            !exchange.body.isComplete && exchange.body.failure != .malformed
        case .closing, .lingering, .closed: false
        }
    }

    func afterInput() {
        switch phase {
        case .reading:
            if hasInputEnded { return finishOutputAndClose() }
            if parser.isBetweenRequests {
                deadlines.read = deadlines.read ?? loop.time + limits.idleTimeout
            } else if deadlines.isIdle {
                deadlines.read = loop.time + limits.headTimeout
                deadlines.isIdle = false
            }
        case .exchange(let exchange):
            if exchange.body.isComplete || exchange.body.failure != nil {
                exchange.wakeBodyWaiter()
            }
        case .skippingBody, .closing, .lingering, .closed: break
        }
        armTimer()
        updateInterest()
    }

    private func inputEnded() {
        hasInputEnded = true
        notePeerClosed()
        switch phase {
        case .reading, .skippingBody: finishOutputAndClose()
        case .exchange(let exchange):
            exchange.body.fail(.clientGone)
            exchange.wakeBodyWaiter()
        case .lingering: close()
        case .closing, .closed: break
        }
        updateInterest()
    }

    // MARK: Requests

    func begin(_ head: RequestHead) {
        deadlines.read = nil
        deadlines.isIdle = false
        let exchange = HTTPExchange(head: head, connection: self)
        phase = .exchange(exchange)
        if isPeerClosedKnown { exchange.clientClosed() }
        server.run(exchange, for: HTTPRequest(head, from: socket.remoteAddress))
    }

    private func received(_ bytes: Span<UInt8>) {
        switch phase {
        case .exchange(let exchange), .skippingBody(let exchange): exchange.body.append(bytes)
        case .reading, .closing, .lingering, .closed: break
        }
    }

    private func requestEnded() {
        switch phase {
        case .exchange(let exchange): exchange.body.complete()
        case .skippingBody: nextRequest()
        case .reading, .closing, .lingering, .closed: break
        }
    }

    /// Answers a violation of the protocol and ends the connection.
    private func refuse(_ violation: RequestViolation) {
        switch phase {
        case .exchange(let exchange):
            // The handler answers: it may have begun to.
            exchange.body.fail(violation.status == 413 ? .tooLarge : .malformed)
            mustClose = true
        case .reading:
            server.countRefusal()
            sendRefusal(status: violation.status, reason: violation.reason)
        case .skippingBody:
            finishOutputAndClose()
        case .closing, .lingering, .closed: break
        }
    }

    private func sendRefusal(status: Int, reason: String) {
        let body = Refusal.body(status: status, reason: reason)
        let date = server.dateLine
        output.append {
            ResponseHead.append(
                status: status,
                fields: Refusal.fields,
                framing: .length(body.count),
                persistence: .close,
                date: date,
                to: &$0
            )
            $0.append(contentsOf: body)
        }
        finishOutputAndClose()
    }

    // MARK: Deadlines

    func armTimer() {
        guard !isClosed else { return }
        deadlines.arm(on: loop) { [self] in deadlinePassed() }
    }

    private func deadlinePassed() {
        if deadlines.isWriteDue(at: loop.time) { return lose() }
        if deadlines.isReadDue(at: loop.time) { readTimedOut() }
        armTimer()
    }

    private func readTimedOut() {
        deadlines.read = nil
        switch phase {
        case .reading:
            guard !parser.isBetweenRequests else { return close() }
            server.countRefusal()
            sendRefusal(status: 408, reason: "The request did not arrive in time.")
        case .exchange(let exchange):
            bodyTimedOut(exchange)
        case .skippingBody, .lingering:
            close()
        case .closing, .closed: break
        }
    }

    private func bodyTimedOut(_ exchange: HTTPExchange) {
        guard exchange.isBodyAwaited else { return }
        let credit = exchange.body.receivedCount / max(1, limits.bodyBytesPerSecondMin)
        let deadline = deadlines.bodyStart + limits.bodyTimeout + .seconds(credit)
        guard deadline <= loop.time else {
            deadlines.read = deadline
            return
        }
        mustClose = true
        exchange.body.fail(.timedOut)
        exchange.wakeBodyWaiter()
        updateInterest()
    }
}
