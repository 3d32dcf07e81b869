import Glibc

/// What the journal's thread is started with; everything else is made on the thread itself.
struct JournalThread: Sendable {
    let configuration: JournalConfiguration
    let mailbox: Mailbox<Letter>
    let gauges: JournalGauges
    let doorbell: AsyncStream<Void>.Continuation
    let opened: CheckedContinuation<Result<InstanceIdentifier, JournalError>, Never>

    /// Starts the thread, which resumes `opened` when the file is open or can't be.
    func start() {
        // Retained for the thread, which releases it when it begins.
        let argument = Unmanaged.passRetained(ThreadArgument(thread: self)).toOpaque()
        var thread = pthread_t()
        let status = pthread_create(&thread, nil, runJournalThread, argument)
        guard status == 0 else {
            Unmanaged<ThreadArgument>.fromOpaque(argument).release()
            let reason = String(cString: strerror(status))
            opened.resume(returning: .failure(JournalError(.cannotOpen, reason)))
            return
        }
        pthread_detach(thread)
    }

    fileprivate func run() {
        let closers = serve()
        mailbox.close()
        // The file is closed and the lock released by now.
        for closer in closers { closer.resume() }
    }

    /// Lives from opening the file to closing it; the lock is taken first and released last.
    private func serve() -> [CheckedContinuation<Void, Never>] {
        let lock: JournalLock
        do {
            lock = try JournalLock(path: configuration.path + "-lock")
        } catch {
            opened.resume(returning: .failure(error))
            return []
        }
        defer { withExtendedLifetime(lock) {} }
        return serveLocked()
    }

    private func serveLocked() -> [CheckedContinuation<Void, Never>] {
        let writer: JournalWriter
        do {
            writer = try JournalWriter(
                configuration,
                mailbox: mailbox,
                gauges: gauges,
                doorbell: doorbell
            )
        } catch {
            opened.resume(returning: .failure(error))
            return []
        }
        opened.resume(returning: .success(writer.store.instance))
        return writer.run()
    }
}

private final class ThreadArgument: Sendable {
    let thread: JournalThread

    init(thread: JournalThread) { self.thread = thread }
}

/// A file-scope function, because C calls it.
private func runJournalThread(_ argument: UnsafeMutableRawPointer?) -> UnsafeMutableRawPointer? {
    if let argument {
        Unmanaged<ThreadArgument>.fromOpaque(argument).takeRetainedValue().thread.run()
    }
    return nil
}
