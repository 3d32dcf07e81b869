import CCurl
import EventLoop

/// A connection to an upstream: carries one transfer after the other, and lies idle between them.
///
/// It belongs to the loop. Its pool holds it until it is closed.
final class Connection {
    let origin: Origin
    /// Its place in its pool's list.
    var place = 0
    /// Since when it waits for a transfer; nil while it carries one.
    private(set) var idleSince: LoopTime?

    private let stream: any ByteStream
    private let pool: ConnectionPool
    private var registration: Registration?
    private var transfer: Transfer?
    private var hasCarried = false
    private var reader: ResponseReader
    /// What has not left of the request that runs; nil when all has.
    private var unsent: Unsent?
    private var isClosed = false

    private struct Unsent {
        let bytes: RequestBytes
        var sentCount = 0
    }

    init(_ stream: any ByteStream, to origin: Origin, pool: ConnectionPool) {
        self.stream = stream
        self.origin = origin
        self.pool = pool
        reader = Self.makeReader(pool.configuration, answersHead: false)
    }

    deinit {
        assert(isClosed, "a connection was dropped without being closed")
    }

    private static func makeReader(
        _ configuration: CurlConfiguration,
        answersHead: Bool
    ) -> ResponseReader {
        ResponseReader(
            bytesMax: configuration.headBytesMax,
            fieldCountMax: configuration.fieldCountMax,
            answersHead: answersHead
        )
    }

    // MARK: From the pool

    /// Sends the transfer's request and reads its response.
    func carry(_ transfer: Transfer) {
        guard let bytes = transfer.bytes else { return }
        self.transfer = transfer
        idleSince = nil
        reader = Self.makeReader(pool.configuration, answersHead: transfer.answersHead)
        unsent = Unsent(bytes: bytes)
        transfer.requestLeaves(on: self)
        sendOn()
    }

    /// Whether nothing has come that no request has asked for.
    ///
    /// Of a plain connection the loop would have told; TLS may have read more than it showed.
    var isQuiet: Bool {
        guard stream.holdsBytes else { return true }
        if case .wouldBlock = stream.read(into: pool.readBuffer) { return true }
        return false
    }

    func close() {
        guard !isClosed else { return }
        isClosed = true
        unwatch()
        stream.close()
        pool.remove(self)
    }

    // MARK: From its transfer

    /// The transfer has ended before its response has.
    func breakOff() {
        transfer = nil
        unsent = nil
        close()
    }

    /// The reader has taken what there was.
    func hasRoom() {
        guard transfer != nil else { return }
        if stream.holdsBytes { readOn() } else { watch() }
    }

    // MARK: Readiness

    /// Has the loop tell what the connection now waits for.
    private func watch() {
        guard !isClosed else { return }
        // A connection that breaks is reported whatever is waited for, turn after turn.
        if let transfer, transfer.machine.room == 0, unsent == nil { return unwatch() }
        let interest = Interest(
            read: transfer.map { $0.machine.room > 0 } ?? true,
            write: unsent != nil,
            peerClosed: false
        )
        do throws(SystemError) {
            if let registration {
                try pool.loop.update(registration, to: interest)
            } else {
                registration = try pool.loop.register(stream.descriptor, for: interest) {
                    [self] in handle($0)
                }
            }
        } catch {
            lose(
                CurlError(
                    .resources,
                    detail: "a connection could not be watched",
                    systemCode: error.code
                )
            )
        }
    }

    private func unwatch() {
        if let registration { pool.loop.deregister(registration) }
        registration = nil
    }

    private func handle(_ readiness: Readiness) {
        guard transfer != nil else {
            // Closed, or spoken to unasked; TLS has messages of its own.
            if case .wouldBlock = stream.read(into: pool.readBuffer) { return }
            return close()
        }
        if unsent != nil, readiness.contains(.writable) { sendOn() }
        if readiness != .writable { readOn() }
    }

    // MARK: The request

    private func sendOn() {
        while let left = unsent {
            let isHead = left.sentCount < left.bytes.head.count
            let part = isHead ? left.bytes.head : left.bytes.body
            let start = isHead ? left.sentCount : left.sentCount - left.bytes.head.count
            let sent = part.withUnsafeBytes { part in
                stream.write(
                    UnsafeRawBufferPointer(rebasing: part[start...]),
                    more: isHead && !left.bytes.body.isEmpty
                )
            }
            guard let sent else {
                // An answer that came before the request had left is worth more than the error.
                unsent = nil
                return readOn()
            }
            let count = left.sentCount + sent
            unsent = count == left.bytes.count ? nil : Unsent(bytes: left.bytes, sentCount: count)
            if sent < part.count - start { break }
        }
        watch()
    }

    // MARK: The response

    private func readOn() {
        while let transfer, transfer.machine.room > 0 {
            let count = min(transfer.machine.room, pool.readBuffer.count)
            let buffer = UnsafeMutableRawBufferPointer(rebasing: pool.readBuffer[..<count])
            switch stream.read(into: buffer) {
            case .bytes(let count):
                take(UnsafeRawBufferPointer(rebasing: buffer[..<count]))
                // What is left, the loop tells of in the next turn.
                if !stream.holdsBytes { return watch() }
            case .wouldBlock:
                return watch()
            case .end:
                return inputEnded()
            case .failed(let code, let systemCode):
                return lose(
                    CurlError(
                        code,
                        systemCode: Int(systemCode),
                        phase: transfer.machine.phase,
                        didSend: true
                    )
                )
            }
        }
        watch()
    }

    private func take(_ input: UnsafeRawBufferPointer) {
        guard let transfer else { return }
        var offset = 0
        do throws(CurlError) {
            while let event = try reader.next(in: input, at: &offset) {
                switch event {
                case .head(let head): transfer.receive(head)
                case .body(let range):
                    transfer.receiveBody(UnsafeRawBufferPointer(rebasing: input[range]))
                case .end:
                    let isExact = offset == input.count && unsent == nil
                    return finish(isReusable: reader.keepsConnection && isExact)
                }
            }
        } catch {
            return fail(error)
        }
        if reader.isBeyondHead { transfer.settle() }
    }

    private func inputEnded() {
        do throws(CurlError) {
            try reader.endOfInput()
            finish(isReusable: false)
        } catch {
            lose(error)
        }
    }

    private func finish(isReusable: Bool) {
        guard let transfer else { return }
        self.transfer = nil
        unsent = nil
        hasCarried = true
        if isReusable && transfer.admits == nil {
            idleSince = pool.loop.time
            pool.keep(self)
            watch()
        } else {
            close()
        }
        transfer.finish()
    }

    /// The connection is broken; where it was an old one that has not answered, a new one may do.
    private func lose(_ error: CurlError) {
        guard let transfer else { return close() }
        guard hasCarried, !reader.hasBegun, transfer.machine.maySendAgain(at: pool.loop.time)
        else { return fail(error) }
        self.transfer = nil
        unsent = nil
        close()
        transfer.losesConnection()
        pool.connect(transfer)
    }

    private func fail(_ error: CurlError) {
        let transfer = transfer
        self.transfer = nil
        unsent = nil
        close()
        transfer?.fail(error)
    }
}
