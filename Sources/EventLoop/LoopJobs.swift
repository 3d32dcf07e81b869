/// A piece of work for the loop's thread.
enum LoopJob: Sendable {
    case task(UnownedJob)
    case closure(@Sendable () -> Void)
}

/// A queue of jobs that keeps its storage.
struct JobQueue {
    private var jobs: [LoopJob] = []
    private var head = 0

    var isEmpty: Bool { head == jobs.count }

    mutating func append(_ job: LoopJob) { jobs.append(job) }

    mutating func popFirst() -> LoopJob? {
        guard head < jobs.count else { return nil }
        // Replaced, so that what a closure captures is released when it has run.
        let job = jobs[head]
        jobs[head] = .closure({})
        head += 1
        if head == jobs.count {
            jobs.removeAll(keepingCapacity: jobs.count <= 4_096)
            head = 0
        }
        return job
    }

    /// Moves all jobs of a batch to the end, leaving the batch empty with its storage.
    mutating func append(takingFrom batch: inout [LoopJob]) {
        if isEmpty {
            swap(&jobs, &batch)
        } else {
            jobs.append(contentsOf: batch)
        }
        batch.removeAll(keepingCapacity: true)
    }
}

/// What other threads hand to a loop, under its lock.
struct LoopInbox: Sendable {
    enum Phase {
        /// Jobs wait for the start.
        case idle
        case running
        /// Jobs are still taken; the thread ends when none is left.
        case stopping
        case stopped
    }

    var phase = Phase.idle
    var jobs: [LoopJob] = []
    /// Whether the loop waits, or is about to wait, for the poller and so needs a wake-up.
    var isAsleep = false
    /// Those who wait for the end of the thread.
    var stopWaiters: [CheckedContinuation<Void, Never>] = []
}
