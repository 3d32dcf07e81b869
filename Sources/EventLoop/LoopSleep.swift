extension EventLoop {
    /// Waits by a timer of this loop; returns early when the task is cancelled.
    ///
    /// On the loop.
    package func sleep(for duration: Duration) async {
        preconditionCurrent()
        guard !Task.isCancelled else { return }
        let sleeper = Sleeper()
        let bound = LoopBound(sleeper, loop: self)
        // A cancellation only enqueues a job. That job can't run before the continuation is
        // stored, because this thread does not leave this function until it suspends.
        await withTaskCancellationHandler {
            await withCheckedContinuation { continuation in
                sleeper.continuation = continuation
                sleeper.timer = schedule(after: duration) { sleeper.wake() }
            }
        } onCancel: {
            execute { bound.value.wake() }
        }
    }
}

private final class Sleeper {
    var continuation: CheckedContinuation<Void, Never>?
    var timer: LoopTimer?

    func wake() {
        timer?.cancel()
        timer = nil
        continuation?.resume()
        continuation = nil
    }
}
