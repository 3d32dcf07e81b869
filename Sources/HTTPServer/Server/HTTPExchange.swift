/// One request and its response.
///
/// It belongs to the server's loop.
///
/// A client may close its half of the connection and go on reading, and nothing tells this from
/// one that has left until a write fails. So `isClientGone` and `onClientGone` say that it has
/// closed, which is a reason to stop work that can be stopped, while writes go on until the
/// connection is really dead, and then throw `ClientGone`.
package final class HTTPExchange {
    enum Response {
        case none
        /// Begun, and not finished.
        case streaming(ResponseHead.Framing)
        case finished
    }

    let head: RequestHead
    /// Nil when the connection has closed or serves the next exchange.
    private var connection: HTTPConnection?
    private(set) var response = Response.none
    var body: BodyBuffer
    private var goneActions: [() -> Void] = []
    package private(set) var isClientGone = false

    /// Whether a response has begun, so that its status can't be another one any more.
    package var hasBegun: Bool {
        if case .none = response { false } else { true }
    }
    /// Who waits for the body, and for room to write.
    private var bodyWaiter: CheckedContinuation<Void, Never>?
    private var writeWaiter: CheckedContinuation<Void, Never>?
    /// So that a handler that outlives its deadline can be told.
    var task: Task<Void, Never>?

    init(head: RequestHead, connection: HTTPConnection) {
        self.head = head
        self.connection = connection
        body = BodyBuffer(framing: head.framing)
    }

    // MARK: The request's body

    /// Waits for the whole body and takes it; called once.
    ///
    /// Asks a client that waits for it to go on. After an error the connection will be closed,
    /// but the handler may respond: with `HTTPBodyError.status`, which is also what the client
    /// is told when it just returns.
    package func readBody(bytesMax: Int) async throws(HTTPBodyError) -> [UInt8] {
        body.bytesMax = bytesMax
        while true {
            if let failure = body.failure { throw failure }
            if body.isComplete { return body.take() }
            guard let connection else { throw .clientGone }
            precondition(bodyWaiter == nil, "a body is read once")
            await withCheckedContinuation { continuation in
                // First, for the connection reads on only for somebody who waits.
                bodyWaiter = continuation
                connection.bodyIsAwaited()
            }
        }
    }

    /// Called by the connection when the body is complete or has failed.
    func wakeBodyWaiter() {
        bodyWaiter?.resume()
        bodyWaiter = nil
    }

    var isBodyAwaited: Bool { bodyWaiter != nil }

    // MARK: The response

    /// Sends a whole response with its length.
    ///
    /// Fields about framing and the connection are the server's own; given ones are left out.
    package func respond(
        status: Int,
        fields: HTTPFields,
        body: [UInt8]
    ) throws(ClientGone) {
        guard case .none = response else { preconditionFailure("an exchange responds once") }
        let connection = try reachable()
        connection.sendHead(
            for: self,
            status: status,
            fields: fields,
            framing: Self.hasNoBody(status) ? .none : .length(body.count)
        )
        if head.method != "HEAD" && !Self.hasNoBody(status) { connection.send(body) }
        end(on: connection)
    }

    /// Begins a response of unknown length.
    package func begin(status: Int, fields: HTTPFields) throws(ClientGone) {
        guard case .none = response else { preconditionFailure("an exchange responds once") }
        let connection = try reachable()
        let framing: ResponseHead.Framing =
            Self.hasNoBody(status) ? .none : head.isVersion11 ? .chunked : .close
        connection.sendHead(for: self, status: status, fields: fields, framing: framing)
        response = .streaming(head.method == "HEAD" ? .none : framing)
    }

    /// Adds bytes to a response that was begun; they leave at the end of the loop's turn.
    package func write(_ bytes: [UInt8]) throws(ClientGone) {
        let framing = streamFraming()
        let connection = try reachable()
        switch framing {
        case .chunked: connection.send(chunk: bytes)
        case .close: connection.send(bytes)
        case .none, .length: break
        }
    }

    /// Whether more is unsent than `HTTPLimits.highWaterBytes`, so that `writable` would wait.
    package var isAboveHighWater: Bool { connection?.isAboveHighWater ?? false }

    /// Returns at once when little is unsent, else when half of `HTTPLimits.highWaterBytes` is.
    package func writable() async throws(ClientGone) {
        guard try reachable().isAboveHighWater else { return }
        precondition(writeWaiter == nil, "one task writes a response")
        await withCheckedContinuation { writeWaiter = $0 }
        _ = try reachable()
    }

    /// Called by the connection when enough was sent, or when it is gone.
    func wakeWriteWaiter() {
        writeWaiter?.resume()
        writeWaiter = nil
    }

    /// Ends a response that was begun.
    package func finish() throws(ClientGone) {
        let framing = streamFraming()
        let connection = try reachable()
        if framing == .chunked { connection.send(ResponseHead.lastChunk) }
        end(on: connection)
    }

    /// Closes the connection so that the client sees that the response is not whole.
    package func abort() {
        if case .finished = response { return }
        goneActions = []
        connection?.abort(self)
    }

    private func streamFraming() -> ResponseHead.Framing {
        guard case .streaming(let framing) = response else {
            preconditionFailure("a response is written between begin and finish")
        }
        return framing
    }

    private func reachable() throws(ClientGone) -> HTTPConnection {
        guard let connection else { throw ClientGone() }
        return connection
    }

    private func end(on connection: HTTPConnection) {
        response = .finished
        self.connection = nil
        goneActions = []
        connection.exchangeEnded(self)
    }

    private static func hasNoBody(_ status: Int) -> Bool { status == 204 || status == 304 }

    // MARK: The client's leaving

    /// Calls the action once when the client closes or is lost, at once if it already has; never
    /// after the response has ended.
    package func onClientGone(_ action: @escaping () -> Void) {
        if case .finished = response { return }
        if isClientGone { action() } else { goneActions.append(action) }
    }

    /// The client has closed its half; what is written may still reach it.
    func clientClosed() {
        guard !isClientGone else { return }
        isClientGone = true
        let actions = goneActions
        goneActions = []
        for action in actions { action() }
    }

    /// Nothing can reach the client any more.
    func connectionLost() {
        connection = nil
        body.fail(.clientGone)
        wakeBodyWaiter()
        wakeWriteWaiter()
        clientClosed()
    }

    /// Makes up for a handler that has returned and left its exchange unfinished.
    func handlerReturned() {
        task = nil
        guard let connection else { return }
        switch response {
        case .finished: break
        case .streaming: abort()
        case .none: connection.respondForHandler(self)
        }
    }
}
