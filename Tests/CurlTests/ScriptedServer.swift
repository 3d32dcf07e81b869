import Dispatch
import Foundation
import Glibc
import Synchronization

/// A TCP server on 127.0.0.1 that plays a script on each connection, on a thread of its own.
///
/// It speaks bytes, not HTTP, so that it can be as wrong as a test needs.
final class ScriptedServer: Sendable {
    let port: UInt16
    private let listener: Int32
    private let state = Mutex(State())

    private struct State {
        var accepted = 0
        var isStopped = false
        var open: Set<Int32> = []
    }

    /// - Parameter script: called with the connection and its number, counted from 0.
    init(_ script: @escaping @Sendable (ScriptedConnection, Int) -> Void) {
        let (listener, port) = listenOnLoopback()
        self.listener = listener
        self.port = port
        startThread { [self] in
            while true {
                let descriptor = accept(listener, nil, nil)
                let number: Int? = state.withLock { state in
                    guard descriptor >= 0, !state.isStopped else { return nil }
                    state.open.insert(descriptor)
                    defer { state.accepted += 1 }
                    return state.accepted
                }
                guard let number else { break }
                startThread { [self] in
                    script(ScriptedConnection(descriptor: descriptor), number)
                    close(descriptor)
                }
            }
            Glibc.close(listener)
        }
    }

    var url: String { "http://127.0.0.1:\(port)" }
    /// Connections accepted so far.
    var acceptedCount: Int { state.withLock { $0.accepted } }

    /// Ends the accept loop and unblocks scripts that still read.
    func stop() {
        state.withLock { state in
            state.isStopped = true
            for descriptor in state.open { shutdown(descriptor, Int32(SHUT_RDWR)) }
        }
        shutdown(listener, Int32(SHUT_RDWR))
    }

    private func close(_ descriptor: Int32) {
        state.withLock { _ = $0.open.remove(descriptor) }
        Glibc.close(descriptor)
    }
}

/// The server's end of a connection; closed when its script returns.
struct ScriptedConnection {
    let descriptor: Int32

    /// Reads a request with its body; nil when the peer has closed.
    func readRequest() -> String? {
        var bytes: [UInt8] = []
        while true {
            let text = String(decoding: bytes, as: UTF8.self)
            if let end = text.range(of: "\r\n\r\n") {
                let expected = contentLength(in: text)
                if text[end.upperBound...].utf8.count >= expected { return text }
            }
            guard let more = readSome(), !more.isEmpty else { return nil }
            bytes += more
        }
    }

    /// Whatever comes next: empty at the end of the stream, nil after an error.
    func readSome() -> [UInt8]? {
        var buffer = [UInt8](repeating: 0, count: 65_536)
        let count = recv(descriptor, &buffer, buffer.count, 0)
        return count < 0 ? nil : Array(buffer[..<count])
    }

    /// False when the peer is gone.
    @discardableResult
    func send(_ text: String) -> Bool {
        send(Array(text.utf8))
    }

    @discardableResult
    func send(_ bytes: [UInt8]) -> Bool {
        var sent = 0
        while sent < bytes.count {
            let count = bytes[sent...].withUnsafeBytes {
                Glibc.send(descriptor, $0.baseAddress, $0.count, Int32(MSG_NOSIGNAL))
            }
            if count <= 0 { return false }
            sent += count
        }
        return true
    }

    /// A whole response.
    @discardableResult
    func respond(_ status: String = "200 OK", fields: String = "", body: String) -> Bool {
        send("HTTP/1.1 \(status)\r\ncontent-length: \(body.utf8.count)\r\n\(fields)\r\n\(body)")
    }

    @discardableResult
    func sendChunk(_ text: String) -> Bool {
        send(String(text.utf8.count, radix: 16) + "\r\n\(text)\r\n")
    }

    /// Makes the close that follows a reset.
    func resetOnClose() {
        var option = linger(l_onoff: 1, l_linger: 0)
        setsockopt(
            descriptor,
            SOL_SOCKET,
            SO_LINGER,
            &option,
            socklen_t(MemoryLayout<linger>.size)
        )
    }

    /// Waits until the peer has closed or reset the connection.
    func waitForPeerToClose() {
        while let bytes = readSome(), !bytes.isEmpty {}
    }
}

/// Something that a script waits for and a test brings about, or the other way round.
final class Gate: Sendable {
    private let semaphore = DispatchSemaphore(value: 0)
    private let opened = Atomic<Bool>(false)

    var isOpen: Bool { opened.load(ordering: .acquiring) }

    func open() {
        opened.store(true, ordering: .releasing)
        semaphore.signal()
    }

    /// Blocks the thread; false after half a minute.
    @discardableResult
    func wait() -> Bool {
        defer { semaphore.signal() }
        return semaphore.wait(timeout: .now() + 30) == .success
    }

    /// Polls, for tasks; false after half a minute.
    func opens() async -> Bool {
        for _ in 0..<6_000 {
            if isOpen { return true }
            try? await Task.sleep(for: .milliseconds(5))
        }
        return false
    }
}

/// A listening socket on a free port of 127.0.0.1.
func listenOnLoopback() -> (descriptor: Int32, port: UInt16) {
    let descriptor = socket(AF_INET, Int32(SOCK_STREAM.rawValue), 0)
    var address = sockaddr_in()
    address.sin_family = sa_family_t(AF_INET)
    address.sin_addr.s_addr = UInt32(0x7f00_0001).bigEndian
    var length = socklen_t(MemoryLayout<sockaddr_in>.size)
    withUnsafeMutablePointer(to: &address) { pointer in
        pointer.withMemoryRebound(to: sockaddr.self, capacity: 1) { address in
            precondition(bind(descriptor, address, length) == 0)
            precondition(listen(descriptor, 1_024) == 0)
            precondition(getsockname(descriptor, address, &length) == 0)
        }
    }
    return (descriptor, UInt16(bigEndian: address.sin_port))
}

private func startThread(_ body: @escaping @Sendable () -> Void) {
    final class Box {
        let body: @Sendable () -> Void
        init(_ body: @escaping @Sendable () -> Void) { self.body = body }
    }
    var thread = pthread_t()
    let result = pthread_create(
        &thread,
        nil,
        { context in
            if let context { Unmanaged<Box>.fromOpaque(context).takeRetainedValue().body() }
            return nil
        },
        Unmanaged.passRetained(Box(body)).toOpaque()
    )
    precondition(result == 0)
    pthread_detach(thread)
}

private func contentLength(in head: String) -> Int {
    for line in head.split(separator: "\r\n") {
        let parts = line.lowercased().split(separator: ":")
        if parts.count == 2, parts[0] == "content-length" {
            return Int(parts[1].filter { $0 != " " }) ?? 0
        }
    }
    return 0
}
