import Glibc
import Synchronization

/// One thread that runs the jobs of one actor, which may block it.
///
/// `@unchecked Sendable`: `jobs`, `isStopped`, `hasEnded` and `onEnd` are read and written under
/// `mutex` only, and `thread` is written once, before the initialiser returns.
final class ConnectionThread: SerialExecutor, @unchecked Sendable {
    private let mutex = UnsafeMutablePointer<pthread_mutex_t>.allocate(capacity: 1)
    private let condition = UnsafeMutablePointer<pthread_cond_t>.allocate(capacity: 1)
    private var jobs: [UnownedJob] = []
    private var isStopped = false
    private var onEnd: [CheckedContinuation<Void, Never>] = []
    private var hasEnded = false
    private var thread = pthread_t()

    /// Starts the thread, which keeps this object until `stop()`.
    init() {
        pthread_mutex_init(mutex, nil)
        pthread_cond_init(condition, nil)
        // The closure keeps this object for as long as the thread runs.
        thread = DetachedThread.start { self.run() }
    }

    deinit {
        pthread_mutex_destroy(mutex)
        pthread_cond_destroy(condition)
        mutex.deallocate()
        condition.deallocate()
    }

    func enqueue(_ job: consuming ExecutorJob) {
        let job = UnownedJob(job)
        locked {
            precondition(!hasEnded, "a job for a connection whose thread has ended")
            jobs.append(job)
            pthread_cond_signal(condition)
        }
    }

    func checkIsolated() {
        precondition(isCurrent, "not on the connection's thread")
    }

    func isIsolatingCurrentContext() -> Bool? { isCurrent }

    private var isCurrent: Bool { pthread_equal(pthread_self(), thread) != 0 }

    /// Ends the thread when the jobs that it has are done.
    func stop() {
        locked {
            isStopped = true
            pthread_cond_signal(condition)
        }
    }

    /// Returns when the thread, told to stop, has run its last job.
    func end() async {
        await withCheckedContinuation { continuation in
            let isOver = locked {
                if !hasEnded { onEnd.append(continuation) }
                return hasEnded
            }
            if isOver { continuation.resume() }
        }
    }

    private func run() {
        while let batch = nextBatch() {
            for job in batch { job.runSynchronously(on: asUnownedSerialExecutor()) }
        }
        let waiting = locked {
            defer { onEnd = [] }
            return onEnd
        }
        for continuation in waiting { continuation.resume() }
    }

    /// Waits for jobs; nil when the thread is to end.
    private func nextBatch() -> [UnownedJob]? {
        locked {
            while jobs.isEmpty, !isStopped { pthread_cond_wait(condition, mutex) }
            guard !jobs.isEmpty else {
                hasEnded = true
                return nil
            }
            defer { jobs = [] }
            return jobs
        }
    }

    private func locked<Result>(_ body: () -> Result) -> Result {
        pthread_mutex_lock(mutex)
        defer { pthread_mutex_unlock(mutex) }
        return body()
    }
}
