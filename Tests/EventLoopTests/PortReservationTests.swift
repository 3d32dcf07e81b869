import EventLoop
import Testing

@Suite struct PortReservationTests {
    @Test func `two loops listen on a port that nobody named`() async throws {
        let any = try #require(SocketAddress("127.0.0.1:0"))
        let reservation = try PortReservation(any)
        #expect(reservation.address.port != 0)
        for _ in 0..<2 {
            let loop = try startedLoop()
            let port = try await loop.run { () throws(SystemError) in
                let listener = try Listener(
                    loop: loop,
                    address: reservation.address,
                    reusePort: true
                )
                defer { listener.close() }
                return listener.boundAddress.port
            }
            #expect(port == reservation.address.port)
            await loop.stop()
        }
    }

    @Test func `a port that somebody has is refused`() throws {
        let any = try #require(SocketAddress("127.0.0.1:0"))
        let loop = EventLoop(name: "idle")
        for isShared in [false, true] {
            let taken = try Listener(loop: loop, address: any, reusePort: isShared)
            #expect(throws: SystemError.self) { try PortReservation(taken.boundAddress) }
            taken.close()
        }
    }
}
