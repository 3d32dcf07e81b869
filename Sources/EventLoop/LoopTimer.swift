/// A timer of a loop; made by `EventLoop.schedule`.
///
/// It belongs to the loop's thread.
package final class LoopTimer {
    /// When it fires, at the earliest, in the loop's own count.
    package let time: LoopTime
    private let loop: EventLoop
    /// Its place in the heap, while it is armed.
    fileprivate var position: Int?
    /// Emptied when it fires or is cancelled, which breaks cycles through what it captures.
    private var action: (() -> Void)?

    init(at time: LoopTime, loop: EventLoop, action: @escaping () -> Void) {
        self.time = time
        self.loop = loop
        self.action = action
    }

    /// When it fires, at the earliest, rounded to nanoseconds.
    package var deadline: ContinuousClock.Instant { loop.instant(of: time) }

    /// Whether it has neither fired nor been cancelled.
    package var isArmed: Bool { position != nil }

    /// Keeps it from firing; harmless when it has fired or been cancelled.
    package func cancel() {
        action = nil
        loop.disarm(self)
    }

    func takeAction() -> (() -> Void)? {
        defer { action = nil }
        return action
    }
}

/// Armed timers as a binary heap that knows each timer's place.
///
/// Cancelling removes at once: most timeouts never fire, and dead ones would pile up until
/// their deadlines.
struct TimerHeap {
    private var timers: [LoopTimer] = []

    var next: LoopTime? { timers.first?.time }

    mutating func insert(_ timer: LoopTimer) {
        timer.position = timers.count
        timers.append(timer)
        siftUp(timers.count - 1)
    }

    mutating func remove(_ timer: LoopTimer) {
        guard let position = timer.position else { return }
        timer.position = nil
        let last = timers.removeLast()
        guard last !== timer else { return }
        timers[position] = last
        last.position = position
        siftDown(position)
        siftUp(position)
    }

    /// Removes and returns a timer whose deadline has come, the earliest first.
    mutating func popDue(at now: LoopTime) -> LoopTimer? {
        guard let first = timers.first, first.time <= now else { return nil }
        remove(first)
        return first
    }

    mutating func removeAll() {
        for timer in timers {
            timer.position = nil
            _ = timer.takeAction()
        }
        timers = []
    }

    private mutating func siftUp(_ start: Int) {
        var child = start
        while child > 0 {
            let parent = (child - 1) / 2
            guard timers[child].time < timers[parent].time else { return }
            swap(child, parent)
            child = parent
        }
    }

    private mutating func siftDown(_ start: Int) {
        var parent = start
        while true {
            var least = parent
            for child in (2 * parent + 1)...(2 * parent + 2) where child < timers.count {
                if timers[child].time < timers[least].time { least = child }
            }
            guard least != parent else { return }
            swap(parent, least)
            parent = least
        }
    }

    private mutating func swap(_ left: Int, _ right: Int) {
        timers.swapAt(left, right)
        timers[left].position = left
        timers[right].position = right
    }
}
