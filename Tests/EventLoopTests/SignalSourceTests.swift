import EventLoop
import Glibc
import Testing

@Suite struct SignalSourceTests {
    @Test func `Signals arrive as values, and a broken pipe ends nobody`() async {
        // In a process of its own, because the mask is the process's and the test's threads
        // exist already. There only this thread may take the signal, so it is sent to it.
        await #expect(processExitsWith: .success) {
            let loop = EventLoop(name: "signals")
            let source = try SignalSource()
            try loop.start()
            let signals = try await source.signals(on: loop)
            var iterator = signals.makeAsyncIterator()
            for (number, expected) in [
                (SIGTERM, Signal.terminate), (SIGHUP, .hangUp), (SIGINT, .interrupt),
            ] {
                // On the loop's thread, which began after the signals were blocked.
                await loop.run { _ = raise(number) }
                let signal = await iterator.next()
                try #require(signal == expected)
            }
            raise(SIGPIPE)
            await loop.stop()
        }
    }
}
