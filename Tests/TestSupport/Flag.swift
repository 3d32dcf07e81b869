import Glibc
import Synchronization

/// Something that has happened or not, told between a test and a closure on another thread.
package final class Flag: Sendable {
    private let value = Atomic(false)

    package init() {}

    package var isSet: Bool { value.load(ordering: .acquiring) }

    package func set() { value.store(true, ordering: .releasing) }
}

/// Gives up the processor for a moment, in a closure that may block.
package func sleepBriefly() {
    usleep(2_000)
}
