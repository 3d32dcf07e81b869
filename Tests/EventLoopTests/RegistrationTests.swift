import EventLoop
import Glibc
import Synchronization
import Testing

@Suite struct RegistrationTests {
    @Test func `A level-triggered handler is called until the data is read`() async throws {
        let loop = try startedLoop()
        let (reader, writer) = try pipePair()
        let calls: Int = await withCheckedContinuation { continuation in
            loop.execute {
                let watch = Watch()
                var calls = 0
                watch.registration = try? loop.register(reader, for: .read) { readiness in
                    #expect(readiness.contains(.readable))
                    calls += 1
                    guard calls == 3, let registration = watch.registration else { return }
                    loop.deregister(registration)
                    loop.deregister(registration)
                    continuation.resume(returning: calls)
                }
                _ = write(writer, "x", 1)
            }
        }
        #expect(calls == 3)
        await loop.stop()
        close(reader)
        close(writer)
    }

    @Test func `An interest of nothing silences a ready descriptor until it is changed`()
        async throws
    {
        let loop = try startedLoop()
        let (reader, writer) = try pipePair()
        _ = write(writer, "x", 1)
        let wasSilent: Bool = await withCheckedContinuation { continuation in
            loop.execute {
                let watch = Watch()
                var isListening = false
                watch.registration = try? loop.register(reader, for: []) { _ in
                    if let registration = watch.registration { loop.deregister(registration) }
                    continuation.resume(returning: isListening)
                }
                loop.schedule(after: .milliseconds(10)) {
                    isListening = true
                    guard let registration = watch.registration else { return }
                    try? loop.update(registration, to: .read)
                }
            }
        }
        #expect(wasSilent)
        await loop.stop()
        close(reader)
        close(writer)
    }

    @Test func `Stale events never reach a successor with the same descriptor number`()
        async throws
    {
        // Two pipes are ready in one batch. The first handler puts a new, silent pipe in the place
        // of the other, with the same descriptor number and the same slot. `dup2` closes and
        // reuses the number in one step, so that no other thread can take it in between.
        let loop = try startedLoop()
        let strayCalls = Atomic(0)
        let wasReused = Shared(false)
        await loop.run {
            do {
                let pipes = [try pipePair(), try pipePair()]
                let watches = [Watch(), Watch()]
                var isReplaced = false
                for index in 0..<2 {
                    watches[index].registration = try loop.register(
                        pipes[index].reader,
                        for: .read
                    ) { _ in
                        guard !isReplaced else { return }
                        isReplaced = true
                        let other = 1 - index
                        for watch in watches {
                            if let registration = watch.registration {
                                loop.deregister(registration)
                            }
                        }
                        let number = pipes[other].reader
                        guard let fresh = try? pipePair(), dup2(fresh.reader, number) == number
                        else { return }
                        let registration = try? loop.register(number, for: .read) { _ in
                            strayCalls.wrappingAdd(1, ordering: .relaxed)
                        }
                        wasReused.update { $0 = registration != nil }
                    }
                }
                for pipe in pipes { _ = write(pipe.writer, "x", 1) }
            } catch {
                Issue.record(error)
            }
        }
        await loop.spawn { await loop.sleep(for: .milliseconds(20)) }.value
        await loop.stop()
        #expect(wasReused.value)
        #expect(strayCalls.load(ordering: .relaxed) == 0)
    }

    @Test func `Descriptors that cannot be watched are refused with the reason`() async throws {
        let loop = try startedLoop()
        let code: Int32 = await loop.run {
            do throws(SystemError) {
                _ = try loop.register(9_999, for: .read) { _ in }
                return 0
            } catch {
                return error.code
            }
        }
        #expect(code == EBADF)
        await loop.stop()
    }

    @Test func `A descriptor closed before it is deregistered does no harm`() async throws {
        let loop = try startedLoop()
        let (reader, writer) = try pipePair()
        await loop.run {
            guard let registration = try? loop.register(reader, for: .read, handler: { _ in })
            else {
                Issue.record("not registered")
                return
            }
            close(reader)
            loop.deregister(registration)
        }
        await loop.stop()
        close(writer)
    }
}
