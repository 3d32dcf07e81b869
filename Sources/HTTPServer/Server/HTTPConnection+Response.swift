import EventLoop

/// What an exchange asks of its connection, and how what is written leaves.
extension HTTPConnection {
    // MARK: For the exchange

    /// The handler waits for the body.
    func bodyIsAwaited() {
        guard case .exchange(let exchange) = phase else { return }
        if exchange.head.expectsContinue && exchange.body.receivedCount == 0,
            case .none = exchange.response
        {
            send(ResponseHead.proceed)
        }
        deadlines.bodyStart = loop.time
        deadlines.read = loop.time + limits.bodyTimeout
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
        if mustClose || hasInputEnded && heldCount == 0 { return finishOutputAndClose() }
        if exchange.body.isComplete {
            nextRequest()
            parseHeld()
        } else {
            exchange.body.discard()
            phase = .skippingBody(exchange)
            deadlines.read = loop.time + limits.bodyTimeout
        }
        afterInput()
    }

    func nextRequest() {
        phase = .reading
        deadlines.read = loop.time + limits.idleTimeout
        deadlines.isIdle = true
        if server.isDraining && heldCount == 0 { finishOutputAndClose() }
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

    func flush() {
        if case .closed = phase { return }
        let before = output.count
        do throws(SystemError) {
            isWriteBlocked = try !output.send(to: socket)
        } catch {
            return lose()
        }
        if !isWriteBlocked {
            deadlines.write = nil
            if let storage = output.takeStorage() { server.giveBack(storage) }
        } else if output.count < before || deadlines.write == nil {
            deadlines.write = loop.time + limits.writeStallTimeout
            armTimer()
        }
        wakeWriter()
        if case .closing = phase, output.isEmpty { return linger() }
        updateInterest()
    }

    private func wakeWriter() {
        guard case .exchange(let exchange) = phase, output.count <= limits.highWaterBytes / 2
        else { return }
        exchange.wakeWriteWaiter()
    }

    // MARK: The end

    /// Sends what is queued, then closes.
    func finishOutputAndClose() {
        if case .closed = phase { return }
        phase = .closing
        dropHeld()
        deadlines.read = nil
        if output.isEmpty { linger() } else { scheduleFlush() }
    }

    private func linger() {
        guard !hasInputEnded else { return close() }
        socket.shutdownWrites()
        phase = .lingering
        deadlines.read = loop.time + limits.lingerTimeout
        armTimer()
        updateInterest()
    }

    /// The connection is dead, or must die at once.
    func lose() {
        socket.reset()
        close()
    }

    func close() {
        guard !isClosed else { return }
        let ended = phase
        phase = .closed
        socket.close()
        deadlines.cancel()
        dropHeld()
        output.removeAll()
        server.remove(self)
        if case .exchange(let exchange) = ended { exchange.connectionLost() }
    }

    var isClosed: Bool {
        if case .closed = phase { true } else { false }
    }

    var isLingering: Bool {
        if case .lingering = phase { true } else { false }
    }

    // MARK: Draining

    var isIdle: Bool {
        guard case .reading = phase else { return false }
        return parser.isBetweenRequests && output.isEmpty
    }

    /// Closes a connection that has nothing to do; a request that has just come is answered.
    func closeIfIdle() {
        guard isIdle else { return }
        readInput()
        if isIdle { close() }
    }

    /// Cuts whatever runs.
    func cut() {
        if case .exchange(let exchange) = phase { exchange.task?.cancel() }
        lose()
    }
}
