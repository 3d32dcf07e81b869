import EventLoop
import Glibc
import Synchronization
import Testing

@Suite struct EventLoopTests {
    @Test func `Jobs from many threads all run, on the loop, in each thread's order`() async throws
    {
        let loop = try startedLoop()
        let seen = Shared<[Int: [Int]]>([:])
        await withTaskGroup { group in
            for sender in 0..<8 {
                group.addTask {
                    for number in 0..<1_000 {
                        loop.execute {
                            loop.preconditionCurrent()
                            seen.update { $0[sender, default: []].append(number) }
                        }
                    }
                }
            }
        }
        await loop.stop()
        seen.update { seen in
            #expect(seen.count == 8)
            for numbers in seen.values { #expect(numbers == Array(0..<1_000)) }
        }
    }

    @Test func `Jobs given before the start wait for it`() async throws {
        let loop = EventLoop(name: "late")
        let count = Atomic(0)
        loop.execute { count.wrappingAdd(1, ordering: .relaxed) }
        try loop.start()
        await loop.stop()
        #expect(count.load(ordering: .relaxed) == 1)
    }

    @Test func `Stopping drains jobs that make more jobs`() async throws {
        let loop = try startedLoop()
        let count = Atomic(0)
        @Sendable func step(_ left: Int) {
            count.wrappingAdd(1, ordering: .relaxed)
            if left > 1 { loop.execute { step(left - 1) } }
        }
        loop.execute { step(5_000) }
        await loop.stop()
        #expect(count.load(ordering: .relaxed) == 5_000)
    }

    @Test func `Stopping twice, or without a start, ends at once`() async throws {
        let loop = try startedLoop()
        await loop.stop()
        await loop.stop()
        await EventLoop(name: "unused").stop()
    }

    @Test func `A job after the stop traps with a reason`() async {
        let result = await #expect(
            processExitsWith: .failure,
            observing: [\.standardErrorContent]
        ) {
            let loop = EventLoop(name: "gone")
            try loop.start()
            await loop.stop()
            loop.execute {}
        }
        let output = String(decoding: result?.standardErrorContent ?? [], as: UTF8.self)
        #expect(output.contains("which has stopped"))
    }

    @Test func `A task stays on the loop across awaits`() async throws {
        let loop = try startedLoop()
        await loop.spawn {
            #expect(loop.isCurrent)
            await Task.yield()
            #expect(loop.isCurrent)
            await loop.sleep(for: .milliseconds(1))
            #expect(loop.isCurrent)
            try? await Task.sleep(for: .milliseconds(1))
            #expect(loop.isCurrent)
        }.value
        #expect(!loop.isCurrent)
        await loop.stop()
    }

    @Test func `A task goes on in the very job that resumes it`() async throws {
        let loop = try startedLoop()
        let isNextJobOver = Atomic(false)
        await loop.spawn {
            await withCheckedContinuation { continuation in
                loop.execute {
                    continuation.resume()
                    loop.execute { isNextJobOver.store(true, ordering: .relaxed) }
                }
            }
            let isOver = isNextJobOver.load(ordering: .relaxed)
            #expect(!isOver)
        }.value
        await loop.stop()
    }

    @Test func `The end of the turn comes once, after the jobs of the turn`() async throws {
        let loop = try startedLoop()
        let log = Mutex<[String]>([])
        @Sendable func note(_ text: String) { log.withLock { $0.append(text) } }
        await loop.run {
            loop.atEndOfTurn { note("end") }
            loop.execute {
                note("job")
                loop.execute { note("job of a job") }
            }
        }
        await loop.stop()
        #expect(log.withLock { $0 } == ["job", "job of a job", "end"])
    }

    @Test func `Endless jobs starve neither timers nor descriptors`() async throws {
        let loop = try startedLoop()
        let isOver = Atomic(false)
        @Sendable func spin() {
            if !isOver.load(ordering: .relaxed) { loop.execute { spin() } }
        }
        loop.execute { spin() }
        let (reader, writer) = try pipePair()
        await withCheckedContinuation { continuation in
            loop.execute {
                loop.schedule(after: .milliseconds(5)) { _ = write(writer, "x", 1) }
                let watch = Watch()
                watch.registration = try? loop.register(reader, for: .read) { _ in
                    if let registration = watch.registration { loop.deregister(registration) }
                    continuation.resume()
                }
            }
        }
        isOver.store(true, ordering: .relaxed)
        await loop.stop()
        close(reader)
        close(writer)
    }

    @Test func `The longest turn is measured and taken`() async throws {
        let loop = try startedLoop()
        await loop.run { _ = usleep(20_000) }
        // A turn is measured at its end, so another one proves that the first has ended.
        await loop.run {}
        #expect(loop.takeLongestTurn() >= .milliseconds(20))
        await loop.stop()
        #expect(loop.takeLongestTurn() < .seconds(10))
    }

    @Test func `A value bound to the loop traps off the loop`() async {
        await #expect(processExitsWith: .failure) {
            let loop = EventLoop(name: "bound")
            try loop.start()
            _ = LoopBound(1, loop: loop).value
        }
    }
}

/// A value that tasks and loops share in a test.
final class Shared<Value: Sendable>: Sendable {
    private let mutex: Mutex<Value>

    init(_ value: Value) { mutex = Mutex(value) }

    var value: Value { mutex.withLock { $0 } }

    func update(_ change: (inout Value) -> Void) { mutex.withLock { change(&$0) } }
}

/// Holds what a handler needs of its own registration.
final class Watch {
    var registration: Registration?
}

func startedLoop() throws -> EventLoop {
    let loop = EventLoop(name: "test")
    try loop.start()
    return loop
}

func pipePair() throws -> (reader: Int32, writer: Int32) {
    var ends: [Int32] = [0, 0]
    try #require(pipe(&ends) == 0)
    return (ends[0], ends[1])
}
