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
    private struct Entry {
        let moment: Moment
        let order: Int
        let step: Step

        func precedes(_ other: Entry) -> Bool {
            moment == other.moment ? order < other.order : moment < other.moment
        }
    }

    private var heap: [Entry] = []
    private var order = 0

    mutating func add(_ step: Step, at moment: Moment) {
        order += 1
        heap.append(Entry(moment: moment, order: order, step: step))
        var child = heap.count - 1
        while child > 0 {
            let parent = (child - 1) / 2
            guard heap[child].precedes(heap[parent]) else { return }
            heap.swapAt(child, parent)
            child = parent
        }
    }

    mutating func next() -> (moment: Moment, step: Step)? {
        guard let first = heap.first else { return nil }
        let last = heap.removeLast()
        if heap.isEmpty { return (first.moment, first.step) }
        heap[0] = last
        var parent = 0
        while true {
            var least = parent
            for child in [2 * parent + 1, 2 * parent + 2]
            where child < heap.count && heap[child].precedes(heap[least]) {
                least = child
            }
            if least == parent { return (first.moment, first.step) }
            heap.swapAt(least, parent)
            parent = least
        }
    }
}
