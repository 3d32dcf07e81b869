import EventLoop
import Synchronization
import Testing

@Suite struct LoopTimerTests {
    @Test func `Timers fire in the order of their deadlines and not before`() async throws {
        let loop = try startedLoop()
        let delays = [30, 5, 20, 1, 10, 15]
        let fired: [Int] = await withCheckedContinuation { continuation in
            loop.execute {
                let start = loop.now
                var fired: [Int] = []
                for delay in delays {
                    loop.schedule(after: .milliseconds(delay)) {
                        #expect(start.duration(to: .now) >= .milliseconds(delay))
                        fired.append(delay)
                        if fired.count == delays.count { continuation.resume(returning: fired) }
                    }
                }
            }
        }
        #expect(fired == delays.sorted())
        await loop.stop()
    }

    @Test func `Cancelled timers never fire, whatever their place among thousands`() async throws {
        let loop = try startedLoop()
        var generator = SystemRandomNumberGenerator()
        let delays = (0..<5_000).map { _ in Int.random(in: 0..<40, using: &generator) }
        let fired: Set<Int> = await withCheckedContinuation { continuation in
            loop.execute {
                var fired: Set<Int> = []
                let timers = delays.enumerated().map { index, delay in
                    loop.schedule(after: .milliseconds(delay)) { fired.insert(index) }
                }
                for index in stride(from: 0, to: timers.count, by: 2) {
                    timers[index].cancel()
                    timers[index].cancel()
                    #expect(!timers[index].isArmed)
                }
                loop.schedule(after: .milliseconds(41)) { continuation.resume(returning: fired) }
            }
        }
        #expect(fired == Set(stride(from: 1, to: 5_000, by: 2)))
        await loop.stop()
    }

    @Test func `A timer may cancel another that is due in the same turn, and schedule more`()
        async throws
    {
        let loop = try startedLoop()
        let log: [String] = await withCheckedContinuation { continuation in
            loop.execute {
                var log: [String] = []
                let victim = Victim()
                loop.schedule(after: .zero) {
                    log.append("first")
                    victim.timer?.cancel()
                    loop.schedule(after: .milliseconds(2)) {
                        log.append("third")
                        continuation.resume(returning: log)
                    }
                }
                victim.timer = loop.schedule(after: .nanoseconds(1)) { log.append("second") }
            }
        }
        #expect(log == ["first", "third"])
        await loop.stop()
    }

    @Test func `Sleep ends early when its task is cancelled, before or while it sleeps`()
        async throws
    {
        let loop = try startedLoop()
        let start = ContinuousClock.now
        let early = loop.spawn { await loop.sleep(for: .seconds(600)) }
        early.cancel()
        await early.value
        let isAsleep = Atomic(false)
        let late = loop.spawn {
            isAsleep.store(true, ordering: .relaxed)
            await loop.sleep(for: .seconds(600))
        }
        while !isAsleep.load(ordering: .relaxed) { await Task.yield() }
        late.cancel()
        await late.value
        #expect(start.duration(to: .now) < .seconds(300))
        await loop.stop()
    }
}

private final class Victim {
    var timer: LoopTimer?
}
