import CCurl
import Glibc

/// A connection as far as bytes are concerned: nonblocking, with TLS or without.
protocol ByteStream: AnyObject {
    /// What becomes ready.
    var descriptor: Int32 { get }
    /// Whether it may hold bytes that the descriptor does not show any more.
    var holdsBytes: Bool { get }
    /// Reads what is there, at most the buffer's size.
    func read(into buffer: UnsafeMutableRawBufferPointer) -> ReadOutcome
    /// Writes what the kernel takes; nil when the connection is broken.
    ///
    /// What was not taken must be offered again unchanged.
    /// - Parameter more: whether the next write follows at once, and may share a packet.
    func write(_ bytes: UnsafeRawBufferPointer, more: Bool) -> Int?
    func close()
}

/// What a read came to.
enum ReadOutcome {
    case bytes(Int)
    case wouldBlock
    /// The peer has closed its half properly.
    case end
    /// Broken, with curl's code if it was curl that read, and the system's.
    case failed(CURLcode, Int32)
}

/// TCP alone, on a descriptor of ours.
final class PlainStream: ByteStream {
    let descriptor: Int32
    let holdsBytes = false

    init(owning descriptor: Int32) {
        self.descriptor = descriptor
    }

    func read(into buffer: UnsafeMutableRawBufferPointer) -> ReadOutcome {
        while true {
            let count = recv(descriptor, buffer.baseAddress, buffer.count, 0)
            if count > 0 { return .bytes(count) }
            if count == 0 { return .end }
            switch errno {
            case EINTR: continue
            case EAGAIN: return .wouldBlock
            default: return .failed(CURLE_RECV_ERROR, errno)
            }
        }
    }

    func write(_ bytes: UnsafeRawBufferPointer, more: Bool) -> Int? {
        let flags = Int32(MSG_NOSIGNAL) | (more ? Int32(MSG_MORE) : 0)
        while true {
            let count = send(descriptor, bytes.baseAddress, bytes.count, flags)
            if count >= 0 { return count }
            switch errno {
            case EINTR: continue
            case EAGAIN: return 0
            default: return nil
            }
        }
    }

    func close() {
        Glibc.close(descriptor)
    }
}

/// TLS as curl has negotiated it: the easy handle is kept, and encrypts and decrypts.
final class SecureStream: ByteStream {
    let descriptor: Int32
    let holdsBytes = true
    private let handle: EasyHandle

    init(descriptor: Int32, handle: EasyHandle) {
        self.descriptor = descriptor
        self.handle = handle
    }

    func read(into buffer: UnsafeMutableRawBufferPointer) -> ReadOutcome {
        var count = 0
        switch curl_easy_recv(handle.pointer, buffer.baseAddress, buffer.count, &count) {
        case CURLE_OK: return count > 0 ? .bytes(count) : .end
        case CURLE_AGAIN: return .wouldBlock
        case let code: return .failed(code, handle.systemCode)
        }
    }

    func write(_ bytes: UnsafeRawBufferPointer, more: Bool) -> Int? {
        var count = 0
        switch curl_easy_send(handle.pointer, bytes.baseAddress, bytes.count, &count) {
        case CURLE_OK: return count
        case CURLE_AGAIN: return 0
        default: return nil
        }
    }

    func close() {
        handle.end()
    }
}
