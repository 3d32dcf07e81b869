import CLinux
import Glibc

/// What a registration waits for.
///
/// Hang-ups and errors are always reported.
package struct Interest: OptionSet, Sendable {
    package let rawValue: UInt8
    package init(rawValue: UInt8) { self.rawValue = rawValue }

    package static let read = Interest(rawValue: 1)
    package static let write = Interest(rawValue: 2)
    /// The peer has closed its half: noticed without reading.
    package static let peerClosed = Interest(rawValue: 4)

    /// Combines them, for hot paths: the standard library's set operations stay generic there.
    package init(read: Bool, write: Bool, peerClosed: Bool) {
        rawValue = (read ? 1 : 0) | (write ? 2 : 0) | (peerClosed ? 4 : 0)
    }
}

/// What a descriptor is ready for.
package struct Readiness: OptionSet, Sendable {
    package let rawValue: UInt8
    package init(rawValue: UInt8) { self.rawValue = rawValue }

    package static let readable = Readiness(rawValue: 1)
    package static let writable = Readiness(rawValue: 2)
    /// The peer has closed its half.
    package static let peerClosed = Readiness(rawValue: 4)
    /// Both halves are closed.
    package static let hangUp = Readiness(rawValue: 8)
    /// An error waits to be fetched with SO_ERROR or by the next call.
    package static let error = Readiness(rawValue: 16)
}

/// An epoll instance with an eventfd to wake it.
///
/// The header gives epoll's flags several types; this file is the one place that converts them.
/// Everything but `wake` belongs to the loop's thread.
struct Poller: ~Copyable {
    /// The token that no registration has: the eventfd's.
    private static let wakeToken = UInt64.max
    /// At most this many events are taken at once, so that jobs get their turn.
    private static let eventCountMax = 256

    private let descriptor: Int32
    private let wakeDescriptor: Int32
    private let events: UnsafeMutableBufferPointer<epoll_event>

    init() throws(SystemError) {
        let descriptor = epoll_create1(Int32(EPOLL_CLOEXEC))
        guard descriptor >= 0 else { throw SystemError.last("epoll_create1") }
        let wakeDescriptor = eventfd(0, Int32(EFD_CLOEXEC | EFD_NONBLOCK))
        guard wakeDescriptor >= 0 else {
            let error = SystemError.last("eventfd")
            close(descriptor)
            throw error
        }
        var event = epoll_event(
            events: EPOLLIN.rawValue,
            data: epoll_data_t(u64: Self.wakeToken)
        )
        guard epoll_ctl(descriptor, EPOLL_CTL_ADD, wakeDescriptor, &event) == 0 else {
            let error = SystemError.last("epoll_ctl")
            close(descriptor)
            close(wakeDescriptor)
            throw error
        }
        self.descriptor = descriptor
        self.wakeDescriptor = wakeDescriptor
        events = .allocate(capacity: Self.eventCountMax)
    }

    deinit {
        events.deallocate()
        close(wakeDescriptor)
        close(descriptor)
    }

    /// Ends a running or the next `wait`; callable from any thread.
    func wake() {
        var one: UInt64 = 1
        // Fails only when the counter is full, and then the loop is woken already.
        _ = retryingInterrupts { write(wakeDescriptor, &one, 8) }
    }

    /// Waits for readiness and returns how many events there are; negative waits forever.
    func wait(milliseconds: Int32) -> Int {
        let count = epoll_wait(
            descriptor,
            events.baseAddress,
            Int32(Self.eventCountMax),
            milliseconds
        )
        if count >= 0 { return Int(count) }
        precondition(errno == EINTR, "epoll_wait: errno \(errno)")
        return 0
    }

    /// The event at a place of the last `wait`; nil when it was only the wake-up.
    func event(at index: Int) -> (token: UInt64, readiness: Readiness)? {
        let event = events[index]
        guard event.data.u64 != Self.wakeToken else {
            var counter: UInt64 = 0
            _ = retryingInterrupts { read(wakeDescriptor, &counter, 8) }
            return nil
        }
        return (event.data.u64, Readiness(epoll: event.events))
    }

    func add(_ fd: Int32, _ interest: Interest, token: UInt64) throws(SystemError) {
        try control(EPOLL_CTL_ADD, fd, interest, token)
    }

    /// Changes an interest; a descriptor that was closed and opened again is added anew.
    func modify(_ fd: Int32, _ interest: Interest, token: UInt64) throws(SystemError) {
        do throws(SystemError) {
            try control(EPOLL_CTL_MOD, fd, interest, token)
        } catch {
            guard error.code == ENOENT else { throw error }
            try control(EPOLL_CTL_ADD, fd, interest, token)
        }
    }

    /// Removes a descriptor.
    ///
    /// The kernel has forgotten it already when it was closed before.
    func remove(_ fd: Int32) {
        var event = epoll_event()
        let result = epoll_ctl(descriptor, EPOLL_CTL_DEL, fd, &event)
        assert(result == 0 || errno == ENOENT || errno == EBADF, "epoll_ctl: errno \(errno)")
    }

    private func control(
        _ operation: Int32,
        _ fd: Int32,
        _ interest: Interest,
        _ token: UInt64
    ) throws(SystemError) {
        var event = epoll_event(events: interest.epoll, data: epoll_data_t(u64: token))
        guard epoll_ctl(descriptor, operation, fd, &event) == 0 else {
            throw SystemError.last("epoll_ctl")
        }
    }
}

extension Interest {
    fileprivate var epoll: UInt32 {
        var flags: UInt32 = 0
        if contains(.read) { flags |= EPOLLIN.rawValue }
        if contains(.write) { flags |= EPOLLOUT.rawValue }
        if contains(.peerClosed) { flags |= EPOLLRDHUP.rawValue }
        return flags
    }
}

extension Readiness {
    fileprivate init(epoll flags: UInt32) {
        var bits: UInt8 = 0
        if flags & EPOLLIN.rawValue != 0 { bits |= 1 }
        if flags & EPOLLOUT.rawValue != 0 { bits |= 2 }
        if flags & EPOLLRDHUP.rawValue != 0 { bits |= 4 }
        if flags & EPOLLHUP.rawValue != 0 { bits |= 8 }
        if flags & EPOLLERR.rawValue != 0 { bits |= 16 }
        self.init(rawValue: bits)
    }
}
