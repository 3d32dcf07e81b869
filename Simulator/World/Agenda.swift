/// Microseconds of true time since a world began.
typealias Moment = Int64

extension Moment {
    static func milliseconds(_ count: Int64) -> Moment { count * 1_000 }
    static func seconds(_ count: Int64) -> Moment { count * 1_000_000 }

    init(_ duration: Duration) {
        let (seconds, attoseconds) = duration.components
        self = seconds * 1_000_000 + attoseconds / 1_000_000_000_000
    }
}

/// Steps by moment, and those of one moment in the order in which they were added.
struct Agenda {
    /// Small, because a heap moves it often; the step itself stays in its slot.
    private struct Entry {
        let moment: Moment
        let order: Int
        let slot: Int

        func precedes(_ other: Entry) -> Bool {
            moment == other.moment ? order < other.order : moment < other.moment
        }
    }

    private var heap: [Entry] = []
    private var order = 0
    private var steps: [Step?] = []
    private var freeSlots: [Int] = []

    mutating func add(_ step: Step, at moment: Moment) {
        order += 1
        heap.append(Entry(moment: moment, order: order, slot: keep(step)))
        var child = heap.count - 1
        while child > 0 {
            let parent = (child - 1) / 2
            guard heap[child].precedes(heap[parent]) else { return }
            heap.swapAt(child, parent)
            child = parent
        }
    }

    mutating func next() -> (moment: Moment, step: Step)? {
        guard let first = heap.first, let step = take(first.slot) else { return nil }
        let last = heap.removeLast()
        if heap.isEmpty { return (first.moment, step) }
        heap[0] = last
        var parent = 0
        while true {
            var least = parent
            for child in (2 * parent + 1)...(2 * parent + 2)
            where child < heap.count && heap[child].precedes(heap[least]) {
                least = child
            }
            if least == parent { return (first.moment, step) }
            heap.swapAt(least, parent)
            parent = least
        }
    }

    private mutating func keep(_ step: Step) -> Int {
        guard let slot = freeSlots.popLast() else {
            steps.append(step)
            return steps.count - 1
        }
        steps[slot] = step
        return slot
    }

    private mutating func take(_ slot: Int) -> Step? {
        freeSlots.append(slot)
        return steps[slot].take()
    }
}
