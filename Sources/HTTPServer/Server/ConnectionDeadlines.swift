import EventLoop

/// A connection's deadlines on one timer.
///
/// A deadline moves with every request, the timer only when it fires, or must fire earlier: so
/// a busy connection touches the loop's timers about once per idle timeout.
struct ConnectionDeadlines {
    /// For what the peer is to send.
    var read: LoopTime?
    /// For what the peer is to take.
    var write: LoopTime?
    /// Whether `read` is that of a connection between requests.
    var isIdle = false
    /// When the running body began to be waited for.
    var bodyStart = LoopTime(nanoseconds: 0)
    private var timer: LoopTimer?

    func isReadDue(at now: LoopTime) -> Bool { read.map { $0 <= now } ?? false }
    func isWriteDue(at now: LoopTime) -> Bool { write.map { $0 <= now } ?? false }

    /// Makes sure that the timer fires no later than the first deadline.
    mutating func arm(on loop: EventLoop, _ action: @escaping () -> Void) {
        guard let first = earliest else { return }
        if let timer, timer.isArmed, timer.time <= first { return }
        timer?.cancel()
        timer = loop.schedule(at: first, action)
    }

    private var earliest: LoopTime? {
        guard let read, let write else { return read ?? write }
        return min(read, write)
    }

    mutating func cancel() {
        timer?.cancel()
        timer = nil
    }
}
