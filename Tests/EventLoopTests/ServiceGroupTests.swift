import EventLoop
import Testing

@Suite struct ServiceGroupTests {
    @Test func `Services start in order and stop in reverse`() async throws {
        let log = Shared<[String]>([])
        let group = ServiceGroup(["a", "b", "c"].map { Recorder(name: $0, log: log) })
        try await group.start(orStopWithin: .seconds(5))
        let overrun = await group.stop(by: .now + .seconds(5))
        #expect(log.value == ["+a", "+b", "+c", "-c", "-b", "-a"])
        #expect(overrun.isEmpty)
    }

    @Test func `A failed start stops what had started and names the service`() async {
        let log = Shared<[String]>([])
        let group = ServiceGroup([
            Recorder(name: "a", log: log), Recorder(name: "b", log: log),
            Recorder(name: "c", log: log, mustFail: true), Recorder(name: "d", log: log),
        ])
        await #expect(throws: ServiceGroup.StartFailure.self) {
            try await group.start(orStopWithin: .seconds(5))
        }
        #expect(log.value == ["+a", "+b", "-b", "-a"])
    }

    @Test func `A service that hangs is left behind and those below it still stop`() async throws {
        let log = Shared<[String]>([])
        let group = ServiceGroup(
            [Recorder(name: "a", log: log), Recorder(name: "stuck", log: log, hangs: true)],
            grace: .milliseconds(20)
        )
        try await group.start(orStopWithin: .seconds(5))
        let overrun = await group.stop(by: .now + .milliseconds(20))
        #expect(overrun == ["stuck"])
        #expect(log.value == ["+a", "+stuck", "-a"])
    }
}

private struct Recorder: Service {
    struct Refusal: Error {}

    let name: String
    let log: Shared<[String]>
    var mustFail = false
    var hangs = false

    func start() async throws {
        if mustFail { throw Refusal() }
        log.update { $0.append("+" + name) }
    }

    func stop(by deadline: ContinuousClock.Instant) async {
        if hangs {
            try? await Task.sleep(for: .seconds(60))
            return
        }
        log.update { $0.append("-" + name) }
    }
}
