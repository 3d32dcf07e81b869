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

    private let socket: Socket
    private unowned let server: HTTPServerCore
    /// Its place in the server's list.
    var index = 0

    private var parser: RequestParser
    private(set) var phase = Phase.reading
    /// Input that can't be parsed before the running exchange ends.
    private var held: [UInt8] = []
    private var output = OutputQueue()
    private var isFlushScheduled = false
    private var isWriteBlocked = false
    /// The peer has closed its half and all it sent was read.
    private var hasInputEnded = false
    /// The peer's closing is known, so it is not waited for.
    private var isPeerClosedKnown = false
    /// No request is taken after the running one.
    private var mustClose = false
    private var deadlines = ConnectionDeadlines()

    init(socket: Socket, server: HTTPServerCore) {
        self.socket = socket
        self.server = server
        parser = RequestParser(limits: server.limits)
    }

    private var limits: HTTPLimits { _read { yield server.limits } }
    private var loop: EventLoop { server.loop }

    func start() throws(SystemError) {
        try socket.watch(on: loop, for: [.read, .peerClosed]) { [self] readiness in
            handle(readiness)
        }
        deadlines.read = loop.now + limits.headTimeout
        armTimer()
    }

    // MARK: Readiness

    private func handle(_ readiness: Readiness) {
        if readiness.contains(.error) || readiness.contains(.hangUp) {
            // Both halves are dead: what was received before concerns nobody any more.
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
            if exchange.body.isComplete { return held.count < limits.pipelineBytesMax }
            // A reader takes it as it comes; its own bound fails the body when it is passed.
            return exchange.isBodyAwaited || exchange.body.count < limits.bodyHighWaterBytes
        }
    }

    private func updateInterest() {
        var interest: Interest = []
        if wantsInput { interest.insert(.read) }
        if isWriteBlocked { interest.insert(.write) }
        if !isPeerClosedKnown { interest.insert(.peerClosed) }
        // Fails only without memory; the timeouts end a connection that hears nothing.
        try? socket.update(to: interest)
    }

    // MARK: Input

    private func readInput() {
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

    private func take(_ input: Span<UInt8>) {
        if case .lingering = phase { return }
        if held.isEmpty {
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

    private func parseHeld() {
        guard !held.isEmpty else { return }
        // Out of the property, because parsing may end the connection and empty it.
        let input = held
        held = []
        let consumed = parse(input.span)
        if consumed < input.count, canHold { held = Array(input[consumed...]) }
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

    private func afterInput() {
        switch phase {
        case .reading:
            if hasInputEnded { return finishOutputAndClose() }
            if parser.isBetweenRequests {
                deadlines.read = deadlines.read ?? loop.now + limits.idleTimeout
            } else if deadlines.isIdle {
                deadlines.read = loop.now + limits.headTimeout
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

    private func begin(_ head: RequestHead) {
        deadlines.read = nil
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

    // MARK: For the exchange

    /// The handler waits for the body.
    func bodyIsAwaited() {
        guard case .exchange(let exchange) = phase else { return }
        if exchange.head.expectsContinue && exchange.body.receivedCount == 0,
            case .none = exchange.response
        {
            send(ResponseHead.proceed)
        }
        deadlines.bodyStart = loop.now
        deadlines.read = loop.now + limits.bodyTimeout
        armTimer()
        updateInterest()
    }

    var isAboveHighWater: Bool { output.count > limits.highWaterBytes }

    func sendHead(
        for exchange: HTTPExchange,
        status: Int,
        fields: HTTPFields,
        framing: ResponseHead.Framing
    ) {
        if !keepsAlive(after: exchange) || framing == .close { mustClose = true }
        let persistence: ResponseHead.Persistence =
            mustClose ? .close : exchange.head.isVersion11 ? .implied : .keepAlive
        let date = server.dateLine
        appendOutput {
            ResponseHead.append(
                status: status,
                fields: fields,
                framing: framing,
                persistence: persistence,
                date: date,
                to: &$0
            )
        }
    }

    private func keepsAlive(after exchange: HTTPExchange) -> Bool {
        guard exchange.head.isKeepAlive, !mustClose, !server.isDraining,
            exchange.body.failure == nil, let missing = exchange.body.missingCount
        else { return false }
        // A client that was not told to go on may or may not send its body: no way to know.
        let isUndecided = exchange.head.expectsContinue && exchange.body.receivedCount == 0
        return missing == 0 || missing <= limits.skippedBodyBytesMax && !isUndecided
    }

    func send(_ text: StaticString) {
        appendOutput { $0.append(text) }
    }

    func send(_ bytes: [UInt8]) {
        adoptStorage()
        output.append(bytes)
        scheduleFlush()
    }

    func send(chunk bytes: [UInt8]) {
        appendOutput { ResponseHead.append(chunk: bytes, to: &$0) }
    }

    private func appendOutput(_ write: (inout [UInt8]) -> Void) {
        adoptStorage()
        output.append(write)
        scheduleFlush()
    }

    /// The response is complete.
    func exchangeEnded(_ exchange: HTTPExchange) {
        guard case .exchange(let current) = phase, current === exchange else { return }
        deadlines.read = nil
        if mustClose || hasInputEnded && held.isEmpty { return finishOutputAndClose() }
        if exchange.body.isComplete {
            nextRequest()
            parseHeld()
        } else {
            exchange.body.discard()
            phase = .skippingBody(exchange)
            deadlines.read = loop.now + limits.bodyTimeout
        }
        afterInput()
    }

    private func nextRequest() {
        phase = .reading
        deadlines.read = loop.now + limits.idleTimeout
        deadlines.isIdle = true
        if server.isDraining && held.isEmpty { finishOutputAndClose() }
    }

    /// Answers for a handler that has returned without a response.
    func respondForHandler(_ exchange: HTTPExchange) {
        guard case .exchange(let current) = phase, current === exchange else { return }
        mustClose = true
        let status = exchange.body.failure?.status ?? 500
        let reason =
            status == 500 ? "The server could not answer." : "The request body could not be read."
        try? exchange.respond(
            status: status,
            fields: Refusal.fields,
            body: Refusal.body(status: status, reason: reason)
        )
    }

    /// Ends an exchange so that the client sees that its response is not whole.
    func abort(_ exchange: HTTPExchange) {
        guard case .exchange(let current) = phase, current === exchange else { return }
        // One try, so that the client gets what was written.
        flush()
        guard case .exchange = phase else { return }
        // A chunked body without its last chunk is seen to be cut; all else needs a reset.
        if case .streaming(.chunked) = exchange.response { close() } else { lose() }
    }

    // MARK: Output

    private func adoptStorage() {
        if output.needsStorage, let storage = server.takeStorage() { output.adopt(storage) }
    }

    /// All writes of a turn leave together at its end.
    private func scheduleFlush() {
        guard !isFlushScheduled, !isWriteBlocked else { return }
        isFlushScheduled = true
        loop.atEndOfTurn { [self] in
            isFlushScheduled = false
            flush()
        }
    }

    private func flush() {
        if case .closed = phase { return }
        do throws(SystemError) {
            try sendOutput()
        } catch {
            return lose()
        }
        if output.isEmpty {
            deadlines.write = nil
            if let storage = output.takeStorage() { server.giveBack(storage) }
        }
        wakeWriter()
        if case .closing = phase, output.isEmpty { return linger() }
        updateInterest()
    }

    private func sendOutput() throws(SystemError) {
        let before = output.count
        isWriteBlocked = false
        while !output.isEmpty {
            let more = output.hasMore
            let (sent, offered) = try output.withFront { front throws(SystemError) in
                (try socket.write(front, more: more), front.count)
            }
            output.drop(sent)
            if sent < offered {
                isWriteBlocked = true
                break
            }
        }
        if isWriteBlocked && (output.count < before || deadlines.write == nil) {
            deadlines.write = loop.now + limits.writeStallTimeout
            armTimer()
        }
    }

    private func wakeWriter() {
        guard case .exchange(let exchange) = phase, output.count <= limits.highWaterBytes / 2
        else { return }
        exchange.wakeWriteWaiter()
    }

    // MARK: The end

    /// Sends what is queued, then closes.
    private func finishOutputAndClose() {
        if case .closed = phase { return }
        phase = .closing
        held = []
        deadlines.read = nil
        if output.isEmpty { linger() } else { scheduleFlush() }
    }

    private func linger() {
        guard !hasInputEnded else { return close() }
        socket.shutdownWrites()
        phase = .lingering
        deadlines.read = loop.now + limits.lingerTimeout
        armTimer()
        updateInterest()
    }

    /// The connection is dead, or must die at once.
    private func lose() {
        socket.reset()
        close()
    }

    private func close() {
        guard !isClosed else { return }
        let ended = phase
        phase = .closed
        socket.close()
        deadlines.cancel()
        held = []
        output.removeAll()
        server.remove(self)
        if case .exchange(let exchange) = ended { exchange.connectionLost() }
    }

    private var isClosed: Bool {
        if case .closed = phase { true } else { false }
    }

    // MARK: Draining

    var isIdle: Bool {
        guard case .reading = phase else { return false }
        return parser.isBetweenRequests && output.isEmpty
    }

    /// When it became idle, as far as its deadline tells.
    var idleDeadline: ContinuousClock.Instant? { deadlines.read }

    /// Closes a connection that has nothing to do; a request that has just come is answered.
    func closeIfIdle() {
        guard isIdle else { return }
        readInput()
        if isIdle { finishOutputAndClose() }
    }

    /// Cuts whatever runs.
    func cut() {
        if case .exchange(let exchange) = phase { exchange.task?.cancel() }
        lose()
    }

    // MARK: Deadlines

    private func armTimer() {
        guard !isClosed else { return }
        deadlines.arm(on: loop) { [self] in deadlinePassed() }
    }

    private func deadlinePassed() {
        if deadlines.isWriteDue(at: loop.now) { return lose() }
        if deadlines.isReadDue(at: loop.now) { readTimedOut() }
        armTimer()
    }

    private func readTimedOut() {
        deadlines.read = nil
        switch phase {
        case .reading:
            guard !parser.isBetweenRequests else { return finishOutputAndClose() }
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
        guard deadline <= loop.now else {
            deadlines.read = deadline
            return
        }
        mustClose = true
        exchange.body.fail(.timedOut)
        exchange.wakeBodyWaiter()
        updateInterest()
    }
}
