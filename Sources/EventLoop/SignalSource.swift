import CLinux
import Glibc

/// A signal that asks the process for something.
package enum Signal: Sendable, CaseIterable {
    case terminate
    case interrupt
    case hangUp

    fileprivate var number: Int32 {
        switch self {
        case .terminate: SIGTERM
        case .interrupt: SIGINT
        case .hangUp: SIGHUP
        }
    }
}

/// Turns SIGTERM, SIGINT and SIGHUP into values on a stream, and ignores SIGPIPE.
///
/// Make it first thing in `main`, before any other thread exists: it blocks the signals, threads
/// inherit that, and a thread that doesn't block them would be ended by them with the process.
package final class SignalSource: Sendable {
    private let descriptor: Int32

    package init() throws(SystemError) {
        signal(SIGPIPE, SIG_IGN)
        var mask = sigset_t()
        sigemptyset(&mask)
        for signal in Signal.allCases { sigaddset(&mask, signal.number) }
        let code = pthread_sigmask(SIG_BLOCK, &mask, nil)
        guard code == 0 else { throw SystemError(call: "pthread_sigmask", code: code) }
        descriptor = signalfd(-1, &mask, Int32(SFD_NONBLOCK | SFD_CLOEXEC))
        guard descriptor >= 0 else { throw SystemError.last("signalfd") }
    }

    deinit {
        close(descriptor)
    }

    /// The signals from now on, as a loop sees them; called once, off the loop or on it.
    package func signals(on loop: EventLoop) async throws(SystemError) -> AsyncStream<Signal> {
        let (stream, continuation) = AsyncStream.makeStream(of: Signal.self)
        try await loop.run { [self] () throws(SystemError) in
            // The handler keeps the descriptor open as long as the loop watches it.
            _ = try loop.register(descriptor, for: .read) { _ in
                while let signal = self.next() { continuation.yield(signal) }
            }
        }
        return stream
    }

    private func next() -> Signal? {
        var info = signalfd_siginfo()
        let size = MemoryLayout<signalfd_siginfo>.size
        guard retryingInterrupts({ read(descriptor, &info, size) }) == size else { return nil }
        return Signal.allCases.first { $0.number == Int32(info.ssi_signo) }
    }
}
