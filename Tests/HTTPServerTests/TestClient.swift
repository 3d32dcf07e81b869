import EventLoop
import Glibc
import Testing

/// A client that blocks, with a generous time limit, and shows what really came.
final class TestClient {
    struct Response: Equatable {
        var status: Int
        var fields: [String: String]
        var body: [UInt8]
        /// Whether the body's framing was complete.
        var isWhole = true

        var text: String { String(decoding: body, as: UTF8.self) }
    }

    struct ConnectionReset: Error {}

    private let descriptor: Int32
    private var buffer: [UInt8] = []
    private var isOpen = true

    /// Buffers of the kernel grow to megabytes unless capped.
    init(
        to address: SocketAddress,
        sendBufferBytes: Int32? = nil,
        receiveBufferBytes: Int32? = nil
    ) throws {
        descriptor = socket(address.family, Int32(SOCK_STREAM.rawValue), 0)
        try #require(descriptor >= 0)
        if var bytes = sendBufferBytes {
            setsockopt(descriptor, SOL_SOCKET, SO_SNDBUF, &bytes, 4)
        }
        if var bytes = receiveBufferBytes {
            setsockopt(descriptor, SOL_SOCKET, SO_RCVBUF, &bytes, 4)
        }
        var limit = timeval(tv_sec: 20, tv_usec: 0)
        let size = socklen_t(MemoryLayout<timeval>.size)
        setsockopt(descriptor, SOL_SOCKET, SO_RCVTIMEO, &limit, size)
        setsockopt(descriptor, SOL_SOCKET, SO_SNDTIMEO, &limit, size)
        guard address.withUnsafeAddress({ connect(descriptor, $0, $1) }) == 0 else {
            throw SystemError.last("connect")
        }
    }

    deinit { close() }

    func close() {
        guard isOpen else { return }
        isOpen = false
        Glibc.close(descriptor)
    }

    /// Closes so that the server sees a reset.
    func reset() {
        var linger = linger(l_onoff: 1, l_linger: 0)
        setsockopt(
            descriptor,
            SOL_SOCKET,
            SO_LINGER,
            &linger,
            socklen_t(MemoryLayout<Glibc.linger>.size)
        )
        close()
    }

    func shutdownWrites() { shutdown(descriptor, Int32(SHUT_WR)) }

    func send(_ text: String) throws { try send(Array(text.utf8)) }

    func send(_ bytes: [UInt8]) throws {
        var sent = 0
        while sent < bytes.count {
            let count = bytes[sent...].withUnsafeBytes {
                Glibc.send(descriptor, $0.baseAddress, $0.count, Int32(MSG_NOSIGNAL))
            }
            guard count > 0 else { throw ConnectionReset() }
            sent += count
        }
    }

    /// Sends what fits and returns how much.
    func sendWithoutBlocking(_ bytes: ArraySlice<UInt8>) -> Int {
        let count = bytes.withUnsafeBytes {
            Glibc.send(
                descriptor,
                $0.baseAddress,
                $0.count,
                Int32(MSG_NOSIGNAL | MSG_DONTWAIT)
            )
        }
        return max(0, count)
    }

    /// Sends what the server takes; it may refuse in the middle.
    func sendIgnoringRefusal(_ bytes: [UInt8]) { try? send(bytes) }

    /// Reads one response, skipping interim ones unless asked for.
    func readResponse(toHEAD: Bool = false, interim: Bool = false) throws -> Response {
        while true {
            let head = try readHead()
            if head.status < 200 && !interim { continue }
            var response = head
            if toHEAD || head.status < 200 || head.status == 204 || head.status == 304 {
                return response
            }
            if response.fields["transfer-encoding"] == "chunked" {
                try readChunks(into: &response)
            } else if let length = response.fields["content-length"].flatMap({ Int($0) }) {
                response.body = try take(length)
                response.isWhole = response.body.count == length
            } else {
                response.body = try readToEnd()
            }
            return response
        }
    }

    /// Whether nothing more came before the end, cleanly or by a reset.
    func isAtEnd() throws -> Bool {
        do {
            return try buffer.isEmpty && readToEnd().isEmpty
        } catch is ConnectionReset {
            return true
        }
    }

    func readToEnd() throws -> [UInt8] {
        while try fill() {}
        defer { buffer = [] }
        return buffer
    }

    private func readHead() throws -> Response {
        var lines: [String] = []
        while true {
            let line = try readLine()
            if line.isEmpty { break }
            lines.append(line)
        }
        let status = try #require(lines.first?.split(separator: " ").dropFirst().first)
        var response = Response(status: try #require(Int(status)), fields: [:], body: [])
        for line in lines.dropFirst() {
            let colon = try #require(line.firstIndex(of: ":"))
            let name = String(line[..<colon])
            #expect(response.fields[name] == nil, "the field \(name) is repeated")
            response.fields[name] = String(line[line.index(colon, offsetBy: 2)...])
        }
        return response
    }

    private func readChunks(into response: inout Response) throws {
        while true {
            guard let line = try? readLine(), let size = Int(line, radix: 16) else {
                response.isWhole = false
                return
            }
            response.body += try take(size)
            guard let end = try? readLine(), end.isEmpty else {
                response.isWhole = false
                return
            }
            if size == 0 { return }
        }
    }

    private func readLine() throws -> String {
        while true {
            if let feed = buffer.firstIndex(of: 0x0a) {
                try #require(feed > 0 && buffer[feed - 1] == 0x0d, "a bare LF in a response")
                defer { buffer.removeFirst(feed + 1) }
                return String(decoding: buffer[..<(feed - 1)], as: UTF8.self)
            }
            guard try fill() else { throw ConnectionReset() }
        }
    }

    private func take(_ count: Int) throws -> [UInt8] {
        while buffer.count < count, try fill() {}
        let taken = min(count, buffer.count)
        defer { buffer.removeFirst(taken) }
        return Array(buffer[..<taken])
    }

    /// False at the end of the stream.
    private func fill() throws -> Bool {
        var piece = [UInt8](repeating: 0, count: 64 * 1_024)
        let count = recv(descriptor, &piece, piece.count, 0)
        if count < 0 {
            try #require(errno == ECONNRESET, "recv: errno \(errno)")
            throw ConnectionReset()
        }
        buffer += piece[..<count]
        return count > 0
    }
}
