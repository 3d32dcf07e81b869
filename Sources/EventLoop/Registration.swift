/// One descriptor that a loop watches; made by `EventLoop.register`.
///
/// It belongs to the loop's thread.
package final class Registration {
    package let descriptor: Int32
    /// What is waited for now.
    package internal(set) var interest: Interest
    let token: UInt64
    /// Emptied when deregistered, which also breaks cycles through what it captures.
    var handler: ((Readiness) -> Void)?

    init(
        descriptor: Int32,
        interest: Interest,
        token: UInt64,
        handler: @escaping (Readiness) -> Void
    ) {
        self.descriptor = descriptor
        self.interest = interest
        self.token = token
        self.handler = handler
    }
}

/// Registrations by token: a slot in the low half, the slot's generation in the high half.
///
/// Descriptors are reused at once by the kernel, and events of the old one may wait in the same
/// batch. A token is never used twice, so such an event finds nothing.
struct RegistrationTable {
    private struct Slot {
        var generation: UInt32 = 0
        var registration: Registration?
    }

    private var slots: [Slot] = []
    private var free: [UInt32] = []

    /// Takes a slot and returns its token; `fill` or `release` must follow.
    mutating func reserve() -> UInt64 {
        if let index = free.popLast() {
            return UInt64(slots[Int(index)].generation) << 32 | UInt64(index)
        }
        slots.append(Slot())
        return UInt64(slots.count - 1)
    }

    mutating func fill(_ registration: Registration) {
        slots[Int(UInt32(truncatingIfNeeded: registration.token))].registration = registration
    }

    mutating func release(_ token: UInt64) {
        let index = UInt32(truncatingIfNeeded: token)
        slots[Int(index)].registration = nil
        slots[Int(index)].generation &+= 1
        free.append(index)
    }

    /// The registration of a token; nil when it is gone.
    subscript(token: UInt64) -> Registration? {
        let slot = slots[Int(UInt32(truncatingIfNeeded: token))]
        return slot.generation == UInt32(truncatingIfNeeded: token >> 32)
            ? slot.registration : nil
    }

    mutating func removeAll() {
        for slot in slots { slot.registration?.handler = nil }
        slots = []
        free = []
    }
}
