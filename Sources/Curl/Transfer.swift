import CCurl
import EventLoop
import Glibc
import Synchronization

/// One request on its way: an easy handle, the machine that decides, and who waits for it.
///
/// It belongs to the loop. The multi handle's table holds it from before `curl_multi_add_handle`
/// until after `curl_multi_remove_handle`, which is why curl's callbacks may borrow it.
final class Transfer {
    let multi: MultiHandle
    let handle: EasyHandle
    private(set) var machine: TransferMachine
    let bytes: RequestBytes
    private let admits: (@Sendable (CurlAddress) -> Bool)?
    private var hasRefusedAddress = false
    private var waiter: CheckedContinuation<Void, Never>?
    /// Counts what a reader may want to know of.
    private var changeCount = 0
    private var timer: LoopTimer?
    private var isTouched = false
    /// Whether curl has let go of it; the one thing that is read off the loop.
    private let hasLeft = Atomic<Bool>(false)

    init(
        _ request: CurlRequest,
        handle: EasyHandle,
        multi: MultiHandle,
        configuration: CurlConfiguration
    ) {
        self.multi = multi
        self.handle = handle
        bytes = RequestBytes(request, userAgent: configuration.userAgent)
        admits = request.admits
        let policy = TransferPolicy(
            timeouts: request.timeouts,
            bufferBytesMax: request.bufferBytesMax,
            headBytesMax: configuration.headBytesMax,
            fieldCountMax: configuration.fieldCountMax,
            isIdempotent: request.isIdempotent,
            resendWindow: configuration.resendWindow
        )
        machine = TransferMachine(policy: policy, startedAt: multi.loop.time)
    }

    // MARK: From the reader

    /// Suspends until there is something new; the task's cancellation cancels the transfer.
    func change() async {
        precondition(waiter == nil, "two tasks wait for one transfer")
        let seen = changeCount
        let loop = multi.loop
        let bound = LoopBound(self, loop: loop)
        await withTaskCancellationHandler {
            await withCheckedContinuation { continuation in
                // Getting here may take a turn of the loop, and something may have come in it.
                if changeCount == seen {
                    waiter = continuation
                } else {
                    continuation.resume()
                }
            }
        } onCancel: {
            // On any thread, and perhaps before the wait began: the loop puts it in order.
            loop.execute { bound.value.cancel() }
        }
    }

    /// What is buffered, making room for more.
    func deliver() -> TransferMachine.Delivery {
        let delivery = machine.deliver()
        if machine.isPaused, machine.resume(at: multi.loop.time) { multi.resume(self) }
        return delivery
    }

    /// Ends the transfer at once and closes its connection.
    func cancel() {
        abandon(.cancelled(isRetrySafe: machine.isRetrySafe))
    }

    /// Cancels from a `deinit`, which may run anywhere.
    func cancelFromAnywhere() {
        guard !hasLeft.load(ordering: .relaxed) else { return }
        if multi.loop.isCurrent {
            cancel()
        } else {
            let bound = LoopBound(self, loop: multi.loop)
            multi.loop.execute { bound.value.cancel() }
        }
    }

    // MARK: From the multi handle

    func abandon(_ error: CurlError) {
        guard machine.phase != .ended else { return }
        machine.abandon(error)
        multi.remove(self)
        wake()
    }

    /// curl reported the end.
    func end(_ code: CURLcode) {
        if code == CURLE_OK {
            machine.end(.finished)
        } else if hasRefusedAddress, machine.phase == .connecting {
            machine.end(.failed(.refusedAddress))
        } else {
            machine.end(
                .failed(
                    CurlError(
                        code,
                        systemCode: handle.information(CURLINFO_OS_ERRNO),
                        phase: machine.phase,
                        didSend: handle.information(CURLINFO_REQUEST_SIZE) > 0,
                        isSecure: handle.target.isSecure
                    )
                )
            )
        }
        multi.remove(self)
        wake()
    }

    /// The handle has left curl's multi handle.
    func didLeave() {
        hasLeft.store(true, ordering: .relaxed)
        timer?.cancel()
        timer = nil
    }

    /// Acts on what the callbacks recorded, after curl's own call has returned.
    func settle() {
        isTouched = false
        guard machine.phase != .ended else { return }
        armTimer()
        wake()
    }

    /// Sets the timer that is needed; one that fires too early only looks again.
    func armTimer() {
        guard let deadline = machine.nextDeadline else { return }
        if let timer, timer.time <= deadline { return }
        timer?.cancel()
        timer = multi.loop.schedule(at: deadline) { [self] in
            timer = nil
            guard machine.expire(at: multi.loop.time) else { return armTimer() }
            multi.remove(self)
            wake()
        }
    }

    private func wake() {
        changeCount &+= 1
        guard let waiter else { return }
        self.waiter = nil
        waiter.resume()
    }

    private func touch() {
        if isTouched { return }
        isTouched = true
        multi.touch(self)
    }

    // MARK: From curl's callbacks, which only record

    fileprivate func openSocket(_ address: curl_sockaddr, _ bytes: [UInt8]) -> Int32 {
        if let admits, !admits(CurlAddress(bytes: bytes)) {
            hasRefusedAddress = true
            return farebox_socket_bad
        }
        return socket(address.family, address.socktype | closeOnExec, address.protocol)
    }

    fileprivate func connectionReady() -> Bool {
        defer { touch() }
        return machine.connectionReady(at: multi.loop.time)
    }

    fileprivate func receiveHeadLine(_ line: UnsafeRawBufferPointer) -> Bool {
        defer { if machine.phase == .receivingBody { touch() } }
        return machine.receiveHeadLine(line, at: multi.loop.time)
    }

    fileprivate func receiveBody(_ bytes: UnsafeRawBufferPointer) -> TransferMachine.Verdict {
        touch()
        return machine.receiveBody(bytes, at: multi.loop.time)
    }
}

// MARK: Callbacks. File-scope functions: a closure literal would inherit an isolation that traps.

private func borrow(_ context: UnsafeMutableRawPointer?) -> Transfer? {
    context.map { Unmanaged<Transfer>.fromOpaque($0).takeUnretainedValue() }
}

/// curl's `CURLOPT_PREREQFUNCTION`.
func transferConnectionReady(
    _ context: UnsafeMutableRawPointer?,
    _ remote: UnsafeMutablePointer<CChar>?,
    _ local: UnsafeMutablePointer<CChar>?,
    _ remotePort: Int32,
    _ localPort: Int32
) -> Int32 {
    borrow(context)?.connectionReady() == true ? CURL_PREREQFUNC_OK : CURL_PREREQFUNC_ABORT
}

/// Glibc's, as a number.
private let closeOnExec = Int32(SOCK_CLOEXEC.rawValue)

/// curl's `CURLOPT_OPENSOCKETFUNCTION`: makes the socket for an address that was looked up.
func transferOpenSocket(
    _ context: UnsafeMutableRawPointer?,
    _ purpose: curlsocktype,
    _ address: UnsafeMutablePointer<curl_sockaddr>?
) -> curl_socket_t {
    guard let transfer = borrow(context), let address,
        let offset = MemoryLayout<curl_sockaddr>.offset(of: \.addr)
    else { return farebox_socket_bad }
    // Behind the head lies a whole `sockaddr` of its family, which may be longer than C's type.
    let start = UnsafeRawPointer(address) + offset
    let bytes: [UInt8]
    switch address.pointee.family {
    case AF_INET:
        bytes = withUnsafeBytes(of: start.loadUnaligned(as: sockaddr_in.self).sin_addr, Array.init)
    case AF_INET6:
        bytes = withUnsafeBytes(
            of: start.loadUnaligned(as: sockaddr_in6.self).sin6_addr,
            Array.init
        )
    default: return farebox_socket_bad
    }
    return transfer.openSocket(address.pointee, bytes)
}

/// curl's `CURLOPT_HEADERFUNCTION`: one whole line a call.
func transferHeadLine(
    _ bytes: UnsafeMutablePointer<CChar>?,
    _ size: Int,
    _ count: Int,
    _ context: UnsafeMutableRawPointer?
) -> Int {
    let line = UnsafeRawBufferPointer(start: bytes, count: size * count)
    // Any other count than the offered one makes curl give up.
    return borrow(context)?.receiveHeadLine(line) == true ? line.count : line.count + 1
}

/// curl's `CURLOPT_WRITEFUNCTION`.
func transferBody(
    _ bytes: UnsafeMutablePointer<CChar>?,
    _ size: Int,
    _ count: Int,
    _ context: UnsafeMutableRawPointer?
) -> Int {
    let body = UnsafeRawBufferPointer(start: bytes, count: size * count)
    switch borrow(context)?.receiveBody(body) {
    case .accept: return body.count
    case .pause: return farebox_write_pause
    case .abort, nil: return body.count + 1
    }
}
