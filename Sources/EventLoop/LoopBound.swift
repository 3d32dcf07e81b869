/// A value that belongs to a loop, carried across a `@Sendable` closure.
///
/// Sendable because every access checks that it happens on the loop's thread. The last copy may
/// be dropped on any thread, so the value must not mind where it is released.
package struct LoopBound<Value>: @unchecked Sendable {
    private let stored: Value
    private let loop: EventLoop

    package init(_ value: Value, loop: EventLoop) {
        stored = value
        self.loop = loop
    }

    /// The value; on the loop only, anywhere else it traps.
    package var value: Value {
        loop.preconditionCurrent()
        return stored
    }
}
