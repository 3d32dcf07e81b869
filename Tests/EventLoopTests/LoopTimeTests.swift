import EventLoop
import Testing

@Suite struct LoopTimeTests {
    @Test func `Delays add up in nanoseconds and saturate`() {
        let time = LoopTime(nanoseconds: 5)
        #expect((time + .nanoseconds(3)).nanoseconds == 8)
        #expect((time + .seconds(2)).nanoseconds == 2_000_000_005)
        #expect((time + .milliseconds(-1)).nanoseconds == -999_995)
        #expect((time + .seconds(Int64.max)).nanoseconds == .max)
        #expect((time + .seconds(1 << 33 - 1)).nanoseconds > 0)
        #expect((time + .seconds(Int64.min / 2)).nanoseconds == .min)
        #expect(time < time + .nanoseconds(1))
    }

    @Test func `A timer without an end in sight does not keep others from firing`() async throws {
        let loop = try startedLoop()
        await withCheckedContinuation { continuation in
            loop.execute {
                let far = loop.schedule(after: .seconds(Int64.max)) { Issue.record("too early") }
                loop.schedule(at: loop.now + .milliseconds(2)) {
                    #expect(far.isArmed)
                    far.cancel()
                    continuation.resume()
                }
            }
        }
        await loop.stop()
    }
}
