import EventLoop
import Testing

@testable import Ingress

@Suite struct OffLoopTests {
    @Test func `work leaves the loop, and its task comes back to it`() async throws {
        let loop = EventLoop(name: "test")
        try loop.start()
        let task = Task(executorPreference: loop) {
            loop.preconditionCurrent()
            let wasOnLoop = await offLoop { loop.isCurrent }
            return (wasOnLoop, loop.isCurrent)
        }
        let (wasOnLoop, isOnLoop) = await task.value
        #expect(!wasOnLoop)
        #expect(isOnLoop)
        await loop.stop()
    }
}
