import Curl
import EventLoop

/// The event loops and each one's curl client: first to start, last to stop.
final class LoopsRunner: Service {
    struct Member: Sendable {
        let loop: EventLoop
        let curl: LoopBound<CurlClient>
    }

    let name = "loops"
    let members: [Member]

    /// Makes and starts the loops, because everything else is built upon them.
    init(count: Int, configuration: CurlConfiguration) async throws {
        var members: [Member] = []
        for index in 0..<count {
            let loop = EventLoop(name: "farebox-\(index)")
            try loop.start()
            let curl = try await loop.run { () throws(CurlError) in
                LoopBound(try CurlClient(loop: loop, configuration: configuration), loop: loop)
            }
            members.append(Member(loop: loop, curl: curl))
        }
        self.members = members
    }

    func start() async throws {}

    func stop(by deadline: ContinuousClock.Instant) async {
        for member in members {
            await member.loop.run { member.curl.value.close() }
            await member.loop.stop()
        }
    }
}
