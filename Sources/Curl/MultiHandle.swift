import CCurl
import EventLoop

/// curl's multi handle driven by a loop: sockets, its one timer, and the transfers inside.
///
/// Callbacks record and return; what follows from them is done after curl's call has returned.
final class MultiHandle {
    let loop: EventLoop
    private let pointer: UnsafeMutableRawPointer
    private var pool: HandlePool
    /// Holds each transfer while curl knows it.
    private var transfers: [UnsafeMutableRawPointer: Transfer] = [:]
    let sockets: SocketWatches
    private var touched: [Transfer] = []
    /// Transfers whose socket could not be watched, which would otherwise only time out.
    private var unwatched: [(Transfer, SystemError)] = []
    private var timer: LoopTimer?
    private var isInside = false
    private var isActionDue = false
    private var isActionPlanned = false
    private(set) var isClosed = false
    private(set) var counters = CurlCounters()

    init(loop: EventLoop, configuration: CurlConfiguration) throws(CurlError) {
        guard let pointer = curl_multi_init() else {
            throw CurlError(.resources, detail: "curl has no memory for a multi handle")
        }
        self.loop = loop
        self.pointer = pointer
        pool = HandlePool(countMax: configuration.handlesMax)
        sockets = SocketWatches(
            loop: loop,
            receiveBufferBytes: configuration.receiveBufferBytes
        )
        let context = Unmanaged.passUnretained(self).toOpaque()
        let results = [
            farebox_multi_set_pointer(pointer, CURLMOPT_SOCKETDATA, context),
            farebox_multi_set_socket(pointer, multiSocketChanged),
            farebox_multi_set_pointer(pointer, CURLMOPT_TIMERDATA, context),
            farebox_multi_set_timer(pointer, multiTimerChanged),
            farebox_multi_set_long(pointer, CURLMOPT_MAXCONNECTS, configuration.connectionsMax),
            farebox_multi_set_long(
                pointer,
                CURLMOPT_MAX_HOST_CONNECTIONS,
                configuration.perHostMax
            ),
        ]
        for result in results where result != CURLM_OK {
            curl_multi_cleanup(pointer)
            throw CurlError(result)
        }
    }

    deinit {
        assert(isClosed, "a CurlClient must be closed on its loop before it is dropped")
    }

    // MARK: Transfers

    /// An easy handle with the target's options, to be given to `add` or back to `discard`.
    func takeHandle(
        for target: HandleTarget,
        _ configuration: CurlConfiguration
    ) throws(CurlError) -> EasyHandle {
        if let handle = pool.take(for: target) { return handle }
        return try EasyHandle(target, configuration: configuration, multi: self)
    }

    func discard(_ handle: EasyHandle) {
        handle.free()
    }

    /// Starts a transfer; its first step comes at the end of this turn.
    func add(_ transfer: Transfer) throws(CurlError) {
        transfers[transfer.handle.pointer] = transfer
        let result = inside { curl_multi_add_handle(pointer, transfer.handle.pointer) }
        guard result == CURLM_OK else {
            transfers[transfer.handle.pointer] = nil
            throw CurlError(result)
        }
        counters.transfers += 1
        counters.open += 1
        transfer.armTimer()
        planAction()
    }

    /// Takes a transfer out; curl closes its connection unless the transfer was complete.
    func remove(_ transfer: Transfer) {
        guard transfers[transfer.handle.pointer] === transfer else { return }
        transfers[transfer.handle.pointer] = nil
        counters.count(transfer)
        inside { _ = curl_multi_remove_handle(pointer, transfer.handle.pointer) }
        transfer.didLeave()
        // What is left of a transfer that was broken off, nobody can be sure of.
        if transfer.machine.failure == nil {
            pool.put(transfer.handle)
        } else {
            transfer.handle.free()
        }
        planAction()
    }

    /// Lets curl go on with a transfer that its write callback had paused.
    func resume(_ transfer: Transfer) {
        guard transfers[transfer.handle.pointer] === transfer else { return }
        let result = inside { curl_easy_pause(transfer.handle.pointer, CURLPAUSE_CONT) }
        if result != CURLE_OK { transfer.end(result) }
        settle()
    }

    /// Remembers that a callback changed the transfer.
    func touch(_ transfer: Transfer) {
        touched.append(transfer)
    }

    /// Ends every transfer with `.closed`, closes every connection, frees everything of curl's.
    func close() {
        loop.preconditionCurrent()
        guard !isClosed else { return }
        for transfer in Array(transfers.values) {
            transfer.abandon(.closed(isRetrySafe: transfer.machine.isRetrySafe))
        }
        isClosed = true
        touched = []
        inside { _ = curl_multi_cleanup(pointer) }
        pool.removeAll()
        timer?.cancel()
        timer = nil
        sockets.forgetAll()
    }

    // MARK: Driving curl

    private func inside<Result>(_ body: () -> Result) -> Result {
        assert(!isInside, "curl was called from one of its callbacks")
        isInside = true
        defer { isInside = false }
        return body()
    }

    private func act(_ socket: curl_socket_t, _ events: Int32) {
        guard !isClosed else { return }
        var running: Int32 = 0
        inside { _ = curl_multi_socket_action(pointer, socket, events, &running) }
        settle()
    }

    /// Does what the callbacks left behind.
    private func settle() {
        var remaining: Int32 = 0
        while let message = curl_multi_info_read(pointer, &remaining) {
            guard message.pointee.msg == CURLMSG_DONE,
                let easy = message.pointee.easy_handle
            else { continue }
            // The message is gone once its handle is removed.
            let result = farebox_message_result(message)
            transfers[easy]?.end(result)
        }
        while let transfer = touched.popLast() { transfer.settle() }
        while let (transfer, error) = unwatched.popLast() {
            transfer.abandon(
                CurlError(
                    .resources,
                    isRetrySafe: transfer.machine.isRetrySafe,
                    detail: "a connection could not be watched",
                    systemCode: error.code
                )
            )
        }
        planAction()
    }

    /// Plans the step that curl wants soon: one a turn, for everything that is due in it.
    private func planAction() {
        guard isActionDue, !isActionPlanned, !isClosed else { return }
        isActionPlanned = true
        loop.atEndOfTurn { [self] in
            isActionPlanned = false
            guard isActionDue else { return }
            isActionDue = false
            act(curl_socket_t(CURL_SOCKET_TIMEOUT), 0)
        }
    }

    private func ready(_ socket: curl_socket_t, _ readiness: Readiness) {
        var events: Int32 = 0
        if readiness.contains(.readable) || readiness.contains(.peerClosed)
            || readiness.contains(.hangUp)
        {
            events |= CURL_CSELECT_IN
        }
        if readiness.contains(.writable) { events |= CURL_CSELECT_OUT }
        // With the error alone curl would give up without reading what it is.
        if readiness.contains(.error) { events |= CURL_CSELECT_ERR | CURL_CSELECT_IN }
        act(socket, events)
    }

    // MARK: From curl's callbacks

    fileprivate func socketChanged(
        _ socket: curl_socket_t,
        _ wish: Int32,
        of easy: UnsafeMutableRawPointer?
    ) {
        do throws(SystemError) {
            try sockets.change(socket, wish) { [self] in ready(socket, $0) }
        } catch {
            guard let easy, let transfer = transfers[easy] else { return }
            unwatched.append((transfer, error))
        }
    }

    fileprivate func timerChanged(_ milliseconds: Int) {
        timer?.cancel()
        timer = nil
        isActionDue = milliseconds == 0
        guard milliseconds > 0 else { return }
        // curl rounds down to milliseconds, and counts from now, not from the turn's beginning.
        let deadline = ContinuousClock.now + .milliseconds(milliseconds + 1)
        timer = loop.schedule(at: deadline) { [self] in
            timer = nil
            act(curl_socket_t(CURL_SOCKET_TIMEOUT), 0)
        }
    }
}

extension CurlError {
    fileprivate init(_ code: CURLMcode) {
        self.init(
            code == CURLM_OUT_OF_MEMORY ? .resources : .unexpected,
            isRetrySafe: true,
            detail: String(cString: curl_multi_strerror(code))
        )
    }
}

// MARK: Callbacks. The multi handle outlives its pointer, whose cleanup is in `close`: borrowed.

private func borrow(_ context: UnsafeMutableRawPointer?) -> MultiHandle? {
    context.map { Unmanaged<MultiHandle>.fromOpaque($0).takeUnretainedValue() }
}

private func multiSocketChanged(
    _ easy: UnsafeMutableRawPointer?,
    _ socket: curl_socket_t,
    _ wish: Int32,
    _ context: UnsafeMutableRawPointer?,
    _ socketContext: UnsafeMutableRawPointer?
) -> Int32 {
    borrow(context)?.socketChanged(socket, wish, of: easy)
    return 0
}

private func multiTimerChanged(
    _ multi: UnsafeMutableRawPointer?,
    _ milliseconds: Int,
    _ context: UnsafeMutableRawPointer?
) -> Int32 {
    borrow(context)?.timerChanged(milliseconds)
    return 0
}
