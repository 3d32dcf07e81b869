import EventLoop
import Glibc
import Synchronization
import Testing

@Suite struct SocketTests {
    @Test(arguments: ["127.0.0.1:0", "[::1]:0"])
    func `Accepted sockets echo what they read, on both families`(text: String) async throws {
        let loop = try startedLoop()
        let address = try #require(SocketAddress(text))
        let server = try await loop.run { () throws(SystemError) in
            LoopBound(try EchoServer(loop: loop, address: address), loop: loop)
        }
        let bound = await loop.run { server.value.listener.boundAddress }
        #expect(bound.host == address.host)
        let client = try connectBlocking(to: bound)
        #expect(write(client, "hello", 5) == 5)
        #expect(try readExactly(5, from: client) == Array("hello".utf8))
        #expect(shutdown(client, Int32(SHUT_WR)) == 0)
        #expect(try readExactly(1, from: client).isEmpty)
        close(client)
        await loop.run { server.value.close() }
        await loop.stop()
    }

    @Test func `Two listeners share a port when asked to, and not otherwise`() async throws {
        let loop = try startedLoop()
        await loop.run {
            do throws(SystemError) {
                let first = try Listener(loop: loop, address: .loopback(port: 0), reusePort: true)
                let second = try Listener(
                    loop: loop,
                    address: first.boundAddress,
                    reusePort: true
                )
                #expect(first.boundAddress == second.boundAddress)
                do throws(SystemError) {
                    let third = try Listener(
                        loop: loop,
                        address: first.boundAddress,
                        reusePort: false
                    )
                    third.close()
                    Issue.record("bound a port that was taken")
                } catch {
                    #expect(error == SystemError(call: "bind", code: EADDRINUSE))
                    #expect(error.description == "bind: Address already in use")
                }
                first.close()
                second.close()
            } catch {
                Issue.record(error)
            }
        }
        await loop.stop()
    }

    @Test func `A paused listener leaves connections waiting until it resumes`() async throws {
        let loop = try startedLoop()
        let server = try await loop.run { () throws(SystemError) in
            LoopBound(try EchoServer(loop: loop, address: .loopback(port: 0)), loop: loop)
        }
        let bound = await loop.run {
            server.value.listener.pause()
            return server.value.listener.boundAddress
        }
        let client = try connectBlocking(to: bound)
        await loop.spawn { await loop.sleep(for: .milliseconds(20)) }.value
        #expect(await loop.run { server.value.acceptedCount } == 0)
        await loop.run { server.value.listener.resume() }
        #expect(write(client, "x", 1) == 1)
        #expect(try readExactly(1, from: client) == [UInt8(ascii: "x")])
        close(client)
        await loop.run { server.value.close() }
        await loop.stop()
    }

    @Test func `Running out of descriptors pauses accepting and recovers`() async throws {
        // In a process of its own, because the limit is the process's.
        await #expect(processExitsWith: .success) {
            let loop = try startedLoop()
            let server = try await loop.run { () throws(SystemError) in
                LoopBound(try EchoServer(loop: loop, address: .loopback(port: 0)), loop: loop)
            }
            let bound = await loop.run { server.value.listener.boundAddress }
            let client = try connectBlocking(to: bound, isConnecting: false)
            // From here on no descriptor is left.
            var limit = rlimit(rlim_cur: rlim_t(client + 1), rlim_max: rlim_t(client + 1))
            try #require(setrlimit(__rlimit_resource_t(RLIMIT_NOFILE.rawValue), &limit) == 0)
            try #require(connect(client, to: bound))
            while await loop.run({ server.value.listener.exhaustionCount }) == 0 {
                await loop.spawn { await loop.sleep(for: .milliseconds(5)) }.value
            }
            try #require(await loop.run { server.value.acceptedCount } == 0)
            // While it backs off, it does not spin.
            await loop.spawn { await loop.sleep(for: .milliseconds(250)) }.value
            let failures = await loop.run { server.value.listener.exhaustionCount }
            try #require(failures <= 4)
            // The number of a descriptor must be below the limit, so a low one is freed.
            close(0)
            while await loop.run({ server.value.acceptedCount }) == 0 {
                await loop.spawn { await loop.sleep(for: .milliseconds(5)) }.value
            }
        }
    }

    @Test func `A reset reaches the peer as an error, not as an end`() async throws {
        let loop = try startedLoop()
        let accepted = Shared(false)
        let listener = try await loop.run { () throws(SystemError) in
            let listener = try Listener(loop: loop, address: .loopback(port: 0), reusePort: false)
            try listener.accept { socket in
                accepted.update { $0 = true }
                socket.reset()
            }
            return LoopBound(listener, loop: loop)
        }
        let client = try connectBlocking(to: await loop.run { listener.value.boundAddress })
        #expect(throws: SystemError(call: "read", code: ECONNRESET)) {
            try readExactly(1, from: client)
        }
        #expect(accepted.value)
        close(client)
        await loop.run { listener.value.close() }
        await loop.stop()
    }
}

/// Sends back what it reads until the peer closes.
private final class EchoServer {
    let listener: Listener
    private(set) var acceptedCount = 0
    private var sockets: [Socket] = []

    init(loop: EventLoop, address: SocketAddress) throws(SystemError) {
        listener = try Listener(loop: loop, address: address, reusePort: false)
        try listener.accept { [self] socket in
            acceptedCount += 1
            sockets.append(socket)
            try? socket.watch(on: loop, for: [.read, .peerClosed]) { _ in Self.echo(socket) }
        }
    }

    private static func echo(_ socket: Socket) {
        withUnsafeTemporaryAllocation(byteCount: 4_096, alignment: 1) { buffer in
            switch try? socket.read(into: buffer) {
            case .bytes(let count):
                _ = try? socket.write(UnsafeRawBufferPointer(rebasing: buffer[..<count]))
            case .wouldBlock: break
            case .end, nil: socket.close()
            }
        }
    }

    /// Closes what its clients have left and what they have not.
    func close() {
        listener.close()
        for socket in sockets where !socket.isClosed { socket.close() }
    }
}

private func connectBlocking(to address: SocketAddress, isConnecting: Bool = true) throws -> Int32 {
    let client = socket(address.family, Int32(SOCK_STREAM.rawValue), 0)
    try #require(client >= 0)
    if isConnecting { try #require(connect(client, to: address)) }
    return client
}

private func connect(_ client: Int32, to address: SocketAddress) -> Bool {
    address.withUnsafeAddress { Glibc.connect(client, $0, $1) } == 0
}

/// Fewer bytes only at the end of the stream.
private func readExactly(_ count: Int, from descriptor: Int32) throws -> [UInt8] {
    var bytes: [UInt8] = []
    var buffer = [UInt8](repeating: 0, count: count)
    while bytes.count < count {
        let result = read(descriptor, &buffer, count - bytes.count)
        if result < 0 { throw SystemError.last("read") }
        if result == 0 { break }
        bytes += buffer[..<result]
    }
    return bytes
}
